import java.util.Map;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.internals.CacheFlushListener;
import org.apache.kafka.streams.state.internals.CachedStateStore;

/**
 * A store that holds nothing itself: it is called in each commit, as Kafka Streams' own record caches are, and has the
 * changed rows written then. So every commit, also that of a rebalance or a clean end, has all changes in it.
 */
final class WriteBehind implements StateStore, CachedStateStore<byte[], byte[]> {
    private final String name;
    private boolean open;
    Runnable onFlush = () -> {};

    WriteBehind(String name) {
        this.name = name;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public void init(StateStoreContext context, StateStore root) {
        context.register(root, (key, value) -> {});
        open = true;
    }

    @Override
    public void flushCache() {
        onFlush.run();
    }

    @Override
    public void clearCache() {}

    @Override
    public boolean setFlushListener(CacheFlushListener<byte[], byte[]> listener, boolean sendOldValues) {
        return false;
    }

    @Override
    public void flush() {}

    @Override
    public void close() {
        open = false;
    }

    @Override
    public boolean persistent() {
        return false;
    }

    @Override
    public boolean isOpen() {
        return open;
    }

    /** Makes it. */
    static final class Builder implements StoreBuilder<WriteBehind> {
        private final String name;

        Builder(String name) {
            this.name = name;
        }

        @Override
        public StoreBuilder<WriteBehind> withCachingEnabled() {
            return this;
        }

        @Override
        public StoreBuilder<WriteBehind> withCachingDisabled() {
            return this;
        }

        @Override
        public StoreBuilder<WriteBehind> withLoggingEnabled(Map<String, String> config) {
            return this;
        }

        @Override
        public StoreBuilder<WriteBehind> withLoggingDisabled() {
            return this;
        }

        @Override
        public WriteBehind build() {
            return new WriteBehind(name);
        }

        @Override
        public Map<String, String> logConfig() {
            return Map.of();
        }

        @Override
        public boolean loggingEnabled() {
            return false;
        }

        @Override
        public String name() {
            return name;
        }
    }
}
