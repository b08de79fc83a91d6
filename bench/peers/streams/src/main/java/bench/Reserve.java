package bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The reserve hop as a Kafka Streams program: a claim of stock in, an event and an answer of it out, exactly once, with
 * the levels in a RocksDB store and its changelog.
 *
 * <p>Arguments: bootstrap, application id, inbox, events, answers, threads, folder of the store.
 */
public final class Reserve {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Reserve() {}

    public static void main(String[] arguments) throws InterruptedException {
        var topology = new Topology();
        var bytes = Serdes.ByteArray();
        topology.addSource("inbox", bytes.deserializer(), bytes.deserializer(), arguments[2]);
        topology.addProcessor("decide", Decide::new, "inbox");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("levels"), bytes, Serdes.Long())
                        .withCachingEnabled()
                        .withLoggingEnabled(Map.of()),
                "decide");
        topology.addSink("events", arguments[3], bytes.serializer(), bytes.serializer(), "decide");
        topology.addSink("answers", arguments[4], bytes.serializer(), bytes.serializer(), "decide");

        var settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[1]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments[5]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[6]);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.put(StreamsConfig.consumerPrefix("max.poll.records"), 2000);

        var streams = new KafkaStreams(topology, settings);
        var over = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close();
            over.countDown();
        }));
        streams.start();
        over.await();
    }

    /** Takes what is claimed from the levels of its article, and says so twice. */
    private static final class Decide implements Processor<byte[], byte[], byte[], byte[]> {
        private static final long PLENTY = 1_000_000_000L;
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<byte[], Long> levels;

        @Override
        public void init(ProcessorContext<byte[], byte[]> given) {
            context = given;
            levels = given.getStateStore("levels");
        }

        @Override
        public void process(Record<byte[], byte[]> claim) {
            try {
                var said = (ObjectNode) JSON.readTree(claim.value());
                var known = levels.get(claim.key());
                var free = known == null ? PLENTY : known;
                var quantity = said.path("quantity").asLong();
                if (free < quantity) {
                    throw new IllegalStateException("an article ran out, and there is plenty of it");
                }
                levels.put(claim.key(), free - quantity);
                said.put("claimed", quantity);
                said.put("waiting", 0);
                said.putArray("levels").addObject().put("location", said.path("location").asText()).put("available", free - quantity);
                var reserved = claim.withValue(JSON.writeValueAsBytes(said));
                context.forward(reserved, "events");
                context.forward(reserved, "answers");
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
    }
}
