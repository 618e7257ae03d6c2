@main
struct Cuelight {
    static func main() async throws {}
}
