/// The messages we read, by the name in their envelope.
enum WebcastMethod {
    case chat, gift, like, social, member, viewers, control, deletion, subscribe

    /// Nil for a method we do not read.
    @inline(__always)
    init?(_ name: UnsafeRawBufferPointer) {
        // The length decides between most names, so that one comparison is enough.
        switch name.count {
        case 18:
            if name.equals("WebcastLikeMessage") { self = .like; return }
            if name.equals("WebcastChatMessage") { self = .chat; return }
            if name.equals("WebcastGiftMessage") { self = .gift; return }
        case 20:
            if name.equals("WebcastMemberMessage") { self = .member; return }
            if name.equals("WebcastSocialMessage") { self = .social; return }
        case 21: if name.equals("WebcastControlMessage") { self = .control; return }
        case 22: if name.equals("WebcastImDeleteMessage") { self = .deletion; return }
        case 23: if name.equals("WebcastSubNotifyMessage") { self = .subscribe; return }
        case 25: if name.equals("WebcastRoomUserSeqMessage") { self = .viewers; return }
        default: break
        }
        return nil
    }
}
