"""Numbers about the business: events as Parquet files, and what they come to, asked in SQL."""
