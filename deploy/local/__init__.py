"""The embedded stack for one machine: Apache Kafka and PostgreSQL from Python packages alone, no Docker, no root needed.

Nothing here knows a topic, a service or a setting of Orderlog: folder and port in, a running server out.
"""
