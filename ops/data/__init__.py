"""The observations in the GeoJSON bucket."""
