import Foundation
import MQTT

/// Another MQTT client that does what `MQTTBounce` does, as a program of its own.
struct MQTTBenchPeer: Sendable {
    let name: String
    /// The program and its first arguments.
    private let command: [String]

    /// Those that this machine can run; says which it cannot, and why.
    static func available() throws -> [MQTTBenchPeer] {
        var peers: [MQTTBenchPeer] = []
        let folder = ".build"
        do {
            let source = folder + "/bench-mqtt-peer.c"
            let program = folder + "/bench-mqtt-peer"
            try cSource.write(toFile: source, atomically: true, encoding: .utf8)
            try BenchProgram.run(["cc", "-O2", "-o", program, source, "-lmosquitto"])
            peers.append(MQTTBenchPeer(name: "libmosquitto threaded", command: ["./" + program]))
        } catch {
            print("no peer libmosquitto: \(error)")
        }
        do {
            let script = folder + "/bench-mqtt-peer.py"
            try pythonSource.write(toFile: script, atomically: true, encoding: .utf8)
            try BenchProgram.run(["python3", "-c", "import paho.mqtt.client"])
            peers.append(MQTTBenchPeer(name: "paho-mqtt", command: ["python3", script]))
        } catch {
            print("no peer paho-mqtt: \(error)")
        }
        return peers
    }

    func measure(
        _ address: MQTTConfiguration.Address, _ quality: MQTT.QualityOfService, window: Int,
        warmUp: Int, count: Int
    ) throws -> MQTTBenchFigures {
        let (host, port): (String, UInt16) =
            switch address {
            case .unix(let path): (path, 0)
            case .tcp(let host, let port), .tls(let host, let port, _): (host, port)
            }
        let numbers = [
            Int(port), Int(quality.rawValue), window, warmUp, count, MQTTBench.payloadBytes,
        ]
        let output = try BenchProgram.run(command + [host] + numbers.map { "\($0)" })
        let figures = output.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        guard figures.count == 3 else {
            throw BenchProgram.Problem.failed(program: name, output: output)
        }
        return MQTTBenchFigures(p50: figures[0], p99: figures[1], perSecond: figures[2])
    }

    private static let cSource = #"""
        #include <mosquitto.h>
        #include <pthread.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <time.h>

        static int quality, window, warm_up, total, size, sent, received;
        static long long *sent_ns, *times, start_ns, end_ns;
        static char payload[65536];
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        static pthread_cond_t done = PTHREAD_COND_INITIALIZER;

        static long long now(void) {
            struct timespec t;
            clock_gettime(CLOCK_MONOTONIC, &t);
            return t.tv_sec * 1000000000LL + t.tv_nsec;
        }
        static void send_next(struct mosquitto *m) {
            if (sent == total) return;
            sent_ns[sent++] = now();
            mosquitto_publish(m, NULL, "bench/peer", size, payload, quality, false);
        }
        static void on_connect(struct mosquitto *m, void *c, int code) {
            if (code == 0) mosquitto_subscribe(m, NULL, "bench/peer", quality);
        }
        static void on_subscribe(struct mosquitto *m, void *c, int id, int n, const int *granted) {
            start_ns = now();
            for (int i = 0; i < window; i++) send_next(m);
        }
        static void on_message(struct mosquitto *m, void *c, const struct mosquitto_message *message) {
            times[received] = now() - sent_ns[received];
            received++;
            if (received == warm_up) start_ns = now();
            if (received == total) {
                pthread_mutex_lock(&lock);
                end_ns = now();
                pthread_cond_signal(&done);
                pthread_mutex_unlock(&lock);
            }
            send_next(m);
        }
        static int ascending(const void *a, const void *b) {
            long long x = *(const long long *)a, y = *(const long long *)b;
            return (x > y) - (x < y);
        }
        int main(int argc, char **argv) {
            if (argc != 8) return 64;
            int port = atoi(argv[2]), count = atoi(argv[6]);
            quality = atoi(argv[3]), window = atoi(argv[4]), warm_up = atoi(argv[5]);
            size = atoi(argv[7]), total = warm_up + count;
            sent_ns = calloc(total, sizeof *sent_ns), times = calloc(total, sizeof *times);
            memset(payload, 'x', sizeof payload);
            mosquitto_lib_init();
            struct mosquitto *m = mosquitto_new("peer", true, NULL);
            mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1);
            mosquitto_max_inflight_messages_set(m, window);
            mosquitto_connect_callback_set(m, on_connect);
            mosquitto_subscribe_callback_set(m, on_subscribe);
            mosquitto_message_callback_set(m, on_message);
            if (mosquitto_connect(m, argv[1], port, 60) || mosquitto_loop_start(m)) return 1;
            struct timespec limit;
            clock_gettime(CLOCK_REALTIME, &limit);
            limit.tv_sec += 60;
            pthread_mutex_lock(&lock);
            while (end_ns == 0)
                if (pthread_cond_timedwait(&done, &lock, &limit)) return 2;
            pthread_mutex_unlock(&lock);
            qsort(times + warm_up, count, sizeof *times, ascending);
            printf("%f %f %f\n", times[warm_up + count / 2] / 1e3,
                   times[warm_up + count * 99LL / 100] / 1e3, count * 1e9 / (end_ns - start_ns));
            return 0;
        }
        """#

    private static let pythonSource = """
        import sys, time
        import paho.mqtt.client as mqtt
        host = sys.argv[1]
        port, quality, window, warm_up, count, size = map(int, sys.argv[2:])
        total, payload, clock = warm_up + count, b"x" * size, time.perf_counter_ns
        sent, times, start, end = [], [], 0, 0

        def send(client):
            if len(sent) < total:
                sent.append(clock())
                client.publish("bench/peer", payload, quality)

        def connected(client, data, flags, code, properties):
            client.subscribe("bench/peer", quality)

        def subscribed(client, data, mid, codes, properties):
            global start
            start = clock()
            for _ in range(window): send(client)

        def received(client, data, message):
            global start, end
            times.append(clock() - sent[len(times)])
            if len(times) == warm_up: start = clock()
            if len(times) == total:
                end = clock()
                client.disconnect()
            send(client)

        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "paho",
                             transport="unix" if port == 0 else "tcp")
        client.max_inflight_messages_set(window)
        client.on_connect, client.on_subscribe, client.on_message = connected, subscribed, received
        client.connect(host, port or 1883)
        if port:
            import socket
            client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.loop_forever()
        measured = sorted(times[warm_up:])
        print(measured[count // 2] / 1e3, measured[count * 99 // 100] / 1e3,
              count * 1e9 / (end - start))
        """
}
