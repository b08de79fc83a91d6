"""Kafka as the log: the only package of chassis and services that imports the loop's client.

Each class maps one role of chassis/log.py to confluent-kafka and sorts its errors into those that the loop acts on: the
group's consumer (group.py), the producer (producer.py), readers (reader.py), and the cluster with its topics (cluster.py).
What they share is in clients.py and records.py. Whoever uses it imports from here.
"""

from chassis.kafka.cluster import KafkaLog, TopicsMisset
from chassis.kafka.records import partition_of

__all__ = ["KafkaLog", "TopicsMisset", "partition_of"]
