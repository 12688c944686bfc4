import Foundation
#if canImport(Network)
import Network
#endif

/// Whether the platform says that there is a network; where it says nothing, there always is one.
enum NetworkPath {
    static func changes() -> AsyncStream<Bool> {
        AsyncStream { continuation in
            #if canImport(Network)
            let monitor = NWPathMonitor()
            monitor.pathUpdateHandler = { path in
                continuation.yield(path.status != .unsatisfied)
            }
            continuation.onTermination = { _ in monitor.cancel() }
            monitor.start(queue: DispatchQueue(label: "BOSClient.network"))
            #else
            continuation.yield(true)
            #endif
        }
    }
}
