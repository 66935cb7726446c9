"""A small real data set as GeoJSON: monthly CO2 at Mauna Loa, one file for each month.

The figures are NOAA's monthly means (NOAA Global Monitoring Laboratory, "Trends in Atmospheric
Carbon Dioxide", https://gml.noaa.gov/ccgg/trends/), from the open data package core/co2-ppm of
October 2024 (https://github.com/datasets/co2-ppm, Public Domain Dedication and License 1.0). The
last year of that series is preliminary. The station's position, to a tenth of a degree, and its
elevation are those that the Scripps CO2 Program states: 19.5 N, 155.6 W, 3397 m.

The data set starts in August 2023: until July 2023, after an eruption, the instruments were on
Maunakea.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FIGURES = Path(__file__).with_name("mauna_loa.csv")
_LONGITUDE, _LATITUDE, _ELEVATION = -155.6, 19.5, 3397
_SOURCE = "NOAA GML, https://gml.noaa.gov/ccgg/trends/"


@dataclass(frozen=True, kw_only=True)
class Month:
    """A month, ``YYYY-MM``, and its observation as a feature collection."""

    month: str
    document: dict[str, object]


def months() -> Iterator[Month]:
    """Yield the months of the data set in order.

    ``co2`` is the monthly mean in ppm, ``uncertainty`` its uncertainty in ppm, ``deviation`` its
    difference from the deseasonalized mean in ppm.
    """
    with FIGURES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            average, baseline = float(row["average_ppm"]), float(row["deseasonalized_ppm"])
            properties = {
                "date": f"{row['month']}-15",
                "station": "Mauna Loa",
                "co2": average,
                "deviation": round(average - baseline, 2),
                "uncertainty": float(row["uncertainty_ppm"]),
                "days": int(row["days"]),
                "source": _SOURCE,
            }
            place = {"type": "Point", "coordinates": [_LONGITUDE, _LATITUDE, _ELEVATION]}
            feature = {"type": "Feature", "geometry": place, "properties": properties}
            yield Month(
                month=row["month"], document={"type": "FeatureCollection", "features": [feature]}
            )
