internal import Platform
internal import SharedModels

/// Orders to flash a board.
extension AgentCore {
    func receiveFlash(_ payload: [UInt8]) {
        guard let order = decoded(FlashOrder.self, payload) else { return }
        guard order.problem == nil, nowMilliseconds < order.expiresAtMilliseconds, let desk else {
            return log.warning("order to flash ignored", ["uid": .string("\(order.board)")])
        }
        desk.take(order, port: driverOfBoard[order.board]?.path)
    }
}
