import Glibc
import HTTPClient

extension ClientResponse {
    /// The body as text: by the charset of its `Content-Type`; without one as UTF-8, or as Latin-1 if it is none. An
    /// unknown charset is taken for UTF-8. What cannot be decoded is replaced by U+FFFD.
    var decodedText: String {
        guard let charset else {
            if let text = String(validating: body, as: UTF8.self) { return text }
            return String(String.UnicodeScalarView(body.map { Unicode.Scalar($0) }))
        }
        guard charset != "utf-8", charset != "utf8", let converter = CharsetConverter(from: charset) else {
            return String(decoding: body, as: UTF8.self)
        }
        return converter.text(of: body)
    }

    /// The charset that its `Content-Type` names, in lower case.
    private var charset: String? {
        let type = head["Content-Type"]?.lowercased() ?? ""
        return type.split(separator: ";").dropFirst().compactMap { parameter in
            let parts = parameter.split(separator: "=", maxSplits: 1).map { $0.filter { !" \t\"'".contains($0) } }
            return parts.count == 2 && parts[0] == "charset" ? parts[1] : nil
        }.first
    }
}

/// The C library's conversion of a charset to UTF-8.
@safe private struct CharsetConverter: ~Copyable {
    private let descriptor: iconv_t

    /// Nil for a charset that the C library does not know.
    init?(from charset: String) {
        // A server chose the name.
        let isName =
            charset.utf8.count <= 40
            && charset.utf8.allSatisfy { byte in
                (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x30 && byte <= 0x39) || "-_.:".utf8.contains(byte)
            }
        guard isName, let descriptor = unsafe iconv_open("UTF-8", charset),
            Int(bitPattern: descriptor) != -1
        else { return nil }
        unsafe self.descriptor = descriptor
    }

    deinit {
        unsafe _ = iconv_close(descriptor)
    }

    func text(of bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        var rest = bytes.map { CChar(bitPattern: $0) }
        var buffer = [CChar](repeating: 0, count: 64 << 10)
        unsafe rest.withUnsafeMutableBufferPointer { input in
            var next = input.baseAddress
            var left = input.count
            while left > 0 {
                let (written, problem) = unsafe convert(&next, &left, &buffer)
                text += buffer.prefix(written).map { UInt8(bitPattern: $0) }
                guard problem == EILSEQ || problem == EINVAL else { continue }
                text += Array("\u{FFFD}".utf8)
                unsafe next = next?.advanced(by: 1)
                left -= 1
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Converts as much as the buffer holds.
    ///
    /// - Returns: how many bytes it has, and the error number that stopped the conversion.
    private func convert(
        _ next: inout UnsafeMutablePointer<CChar>?, _ left: inout Int, _ buffer: inout [CChar]
    ) -> (written: Int, problem: Int32) {
        unsafe buffer.withUnsafeMutableBufferPointer { output in
            var end = output.baseAddress
            var room = output.count
            let done = unsafe iconv(descriptor, &next, &left, &end, &room)
            return (output.count - room, done == -1 ? errno : 0)
        }
    }
}
