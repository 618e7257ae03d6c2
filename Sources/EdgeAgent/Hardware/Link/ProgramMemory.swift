package import SharedModels

/// A board's program memory as it shall be: its sequences one after the other (docs/link.md §8).
package struct ProgramMemory: Hashable, Sendable {
    /// The bytes of one step's kind.
    private enum Code {
        static let program: UInt8 = 0x01
        static let wait: UInt8 = 0x02
        static let loop: UInt8 = 0x03
        static let next: UInt8 = 0x04
        /// Plus the number of bytes that follow.
        static let command: UInt8 = 0x80
    }

    package let bytes: [UInt8]
    /// As the board tells it of what is committed.
    package let crc32: UInt32

    package var sizeBytes: UInt16 { UInt16(clamping: bytes.count) }

    /// - Parameter programs: by rising number, each one that has no `problems` on the manifest;
    ///   steps for channels that the manifest does not have are left out.
    package init(
        _ programs: [(number: UInt8, sequence: ChannelSequence)], on manifest: BoardManifest
    ) {
        var bytes: [UInt8] = []
        for (number, sequence) in programs {
            let steps = Self.bytes(of: sequence.steps, on: manifest)
            bytes += [Code.program, number]
            bytes.append(u16: UInt16(clamping: steps.count))
            bytes += steps
        }
        self.bytes = bytes
        crc32 = CRC32.of(bytes)
    }

    private static func bytes(
        of steps: [ChannelSequence.Step], on manifest: BoardManifest
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        for step in steps {
            switch step {
            case .command(let name, let operation):
                guard let channel = manifest.channel(named: name) else { continue }
                let command = LinkCommand(operation, on: channel).payload
                bytes.append(Code.command | UInt8(clamping: command.count))
                bytes += command
            case .wait(let milliseconds):
                bytes.append(Code.wait)
                bytes.append(u16: UInt16(clamping: milliseconds))
            case .loop(let rounds, let inner):
                bytes += [Code.loop, UInt8(clamping: rounds)]
                bytes += Self.bytes(of: inner, on: manifest)
                bytes.append(Code.next)
            }
        }
        return bytes
    }
}
