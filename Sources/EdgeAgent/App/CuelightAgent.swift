@main
struct CuelightAgent {
    static func main() async throws {}
}
