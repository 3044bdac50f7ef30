import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import java.util.List;

/** Speaks enough of MongoDB's protocol for tests. Arguments: port (0 = any free one), file (none = in memory). */
public class Server {
    /** Wire version 9 is MongoDB 4.4, the oldest that the driver and Gatepost take. */
    record Version(List<Integer> getVersionArray, int getWireVersion) implements MongoVersion { }

    public static void main(String[] args) {
        H2Backend backend = args.length > 1 ? new H2Backend(args[1]) : H2Backend.inMemory();
        MongoServer server = new MongoServer(backend.version(new Version(List.of(4, 4, 0), 9)));
        server.bind("127.0.0.1", Integer.parseInt(args[0]));
        System.out.println("port " + server.getLocalAddress().getPort());
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    }
}
