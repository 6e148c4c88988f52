import CheckModel
import CheckOptions

extension TLSCheck.StartTLS {
    /// What a server is asked before TLS begins.
    ///
    /// - Throws: `CheckFailure` of kind `tls` if it declines, or speaks another protocol.
    func begin(on socket: borrowing CheckSocket) throws(CheckFailure) {
        switch self {
        case .postgres: try Self.beginPostgres(socket)
        case .mysql: try Self.beginMySQL(socket)
        }
    }

    /// SSLRequest (PostgreSQL, protocol 3.0 §55.7): its length and code, answered with `S`.
    private static func beginPostgres(_ socket: borrowing CheckSocket) throws(CheckFailure) {
        try socket.send([0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F])
        guard try socket.receive(1) == [UInt8(ascii: "S")] else {
            throw CheckFailure(.tls, "start_tls: the server is no PostgreSQL server, or offers no TLS")
        }
    }

    /// The server's handshake packet, answered with an SSLRequest (MySQL, protocol::HandshakeV10).
    private static func beginMySQL(_ socket: borrowing CheckSocket) throws(CheckFailure) {
        let header = try socket.receive(4)
        let length = Int(header[0]) | Int(header[1]) << 8 | Int(header[2]) << 16
        let failure = CheckFailure(.tls, "start_tls: the server is no MySQL server, or offers no TLS")
        guard (3...4096).contains(length) else { throw failure }
        let greeting = try socket.receive(length)
        if greeting[0] == 0xFF {
            let number = Int(greeting[1]) | Int(greeting[2]) << 8
            throw CheckFailure(.tls, "start_tls: the MySQL server refuses the connection with error \(number)")
        }
        // Version 10, the server's version up to a zero, 4 + 8 + 1 bytes, and the lower half of its capabilities.
        guard greeting[0] == 10, let zero = greeting.firstIndex(of: 0), zero + 15 < greeting.count else {
            throw failure
        }
        let capabilities = UInt16(greeting[zero + 14]) | UInt16(greeting[zero + 15]) << 8
        let offersTLS: UInt16 = 0x0800
        guard capabilities & offersTLS != 0 else { throw failure }
        // CLIENT_PROTOCOL_41, CLIENT_SSL and CLIENT_SECURE_CONNECTION, packets of 16 MiB, utf8mb4.
        let request: [UInt8] = [0x00, 0x8A, 0, 0, 0, 0, 0, 1, 45] + [UInt8](repeating: 0, count: 23)
        try socket.send([UInt8(request.count), 0, 0, header[3] &+ 1] + request)
    }
}
