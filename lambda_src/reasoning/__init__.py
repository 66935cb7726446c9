"""The cache-aside reasoning API of the CO2 anomaly analysis system: one Lambda function."""
