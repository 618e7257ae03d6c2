// Sockets of IP and unix addresses.
#include "cue_linux.h"

#include <arpa/inet.h>    // inet_pton
#include <errno.h>        // errno
#include <net/if.h>       // if_nametoindex
#include <netdb.h>        // getaddrinfo
#include <netinet/in.h>   // sockaddr_in6
#include <netinet/tcp.h>  // TCP_NODELAY
#include <stddef.h>       // offsetof
#include <string.h>       // memcpy
#include <sys/socket.h>   // socket
#include <sys/stat.h>     // chmod, lstat
#include <sys/un.h>       // sockaddr_un
#include <unistd.h>       // close, unlink

typedef union {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
    struct sockaddr_un local;
    struct sockaddr_storage largest;
} address_t;

static int open_socket(int family) {
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

static int close_with(int fd, int error) {
    close(fd);
    return -error;
}

// Splits `fe80::1%eth0`. Returns the scope, 0 without one, or -EINVAL.
static int read_scope(const char *text, char *plain, size_t plain_size) {
    const char *percent = strchr(text, '%');
    size_t size = percent == NULL ? strlen(text) : (size_t)(percent - text);
    if (size >= plain_size)
        return -EINVAL;
    memcpy(plain, text, size);
    plain[size] = 0;
    if (percent == NULL)
        return 0;
    unsigned scope = if_nametoindex(percent + 1);
    return scope == 0 ? -EINVAL : (int)scope;
}

// Reads a numeric address. Returns its size, or -EINVAL.
static int read_ip(const char *text, uint16_t port, address_t *address) {
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, text, &address->ip4.sin_addr) == 1) {
        address->ip4.sin_family = AF_INET;
        address->ip4.sin_port = htons(port);
        return (int)sizeof address->ip4;
    }
    char plain[INET6_ADDRSTRLEN];
    int scope = read_scope(text, plain, sizeof plain);
    if (scope >= 0 && inet_pton(AF_INET6, plain, &address->ip6.sin6_addr) == 1) {
        address->ip6.sin6_scope_id = (uint32_t)scope;
        address->ip6.sin6_family = AF_INET6;
        address->ip6.sin6_port = htons(port);
        return (int)sizeof address->ip6;
    }
    return -EINVAL;
}

static int read_path(const char *path, address_t *address) {
    memset(address, 0, sizeof *address);
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof address->local.sun_path)
        return -ENAMETOOLONG;
    address->local.sun_family = AF_UNIX;
    memcpy(address->local.sun_path, path, size + 1);
    return (int)sizeof address->local;
}

int cue_listen_ip(const char *text, uint16_t port, int backlog, int shares_port) {
    address_t address;
    int size = read_ip(text, port, &address);
    int fd = size < 0 ? size : open_socket(address.any.sa_family);
    if (fd < 0)
        return fd;
    int one = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        (shares_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) ||
        bind(fd, &address.any, (socklen_t)size) != 0 || listen(fd, backlog) != 0)
        return close_with(fd, errno);
    return fd;
}

static int start_connect(const address_t *address, int size) {
    int fd = open_socket(address->any.sa_family);
    if (fd < 0)
        return fd;
    if (connect(fd, &address->any, (socklen_t)size) != 0 && errno != EINPROGRESS)
        return close_with(fd, errno);
    return fd;
}

int cue_connect_ip(const char *text, uint16_t port) {
    address_t address;
    int size = read_ip(text, port, &address);
    return size < 0 ? size : start_connect(&address, size);
}

int cue_connect_unix(const char *path) {
    address_t address;
    int size = read_path(path, &address);
    return size < 0 ? size : start_connect(&address, size);
}

int cue_send_datagram_unix(const char *path, const void *bytes, size_t size) {
    address_t address;
    int address_size = read_path(path, &address);
    if (address_size < 0)
        return address_size;
    if (path[0] == '@') {
        // An abstract name begins with a zero and ends where the address does.
        address.local.sun_path[0] = 0;
        address_size = (int)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    ssize_t sent = sendto(fd, bytes, size, MSG_NOSIGNAL, &address.any, (socklen_t)address_size);
    return close_with(fd, sent == (ssize_t)size ? 0 : errno);
}

// Whether `path` is a socket on which nobody listens.
static int is_stale(const char *path) {
    struct stat found;
    if (lstat(path, &found) != 0 || !S_ISSOCK(found.st_mode))
        return 0;
    int fd = cue_connect_unix(path);
    if (fd >= 0)
        close(fd);
    return fd == -ECONNREFUSED;
}

int cue_listen_unix(const char *path, uint32_t mode, int backlog) {
    address_t address;
    int size = read_path(path, &address);
    if (size < 0)
        return size;
    if (is_stale(path) && unlink(path) != 0)
        return -errno;
    int fd = open_socket(AF_UNIX);
    if (fd < 0)
        return fd;
    // On Linux the file takes its mode from the unbound socket, so nobody gets in before the
    // final mode is set: unix(7), fchmod on a socket before bind.
    if (fchmod(fd, 0600) != 0 || bind(fd, &address.any, (socklen_t)size) != 0)
        return close_with(fd, errno);
    if (chmod(path, (mode_t)mode) != 0 || listen(fd, backlog) != 0) {
        int error = errno;
        unlink(path);
        return close_with(fd, error);
    }
    return fd;
}

int cue_connect_result(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return -errno;
    return -error;
}

static uint16_t port_of(const address_t *address) {
    switch (address->any.sa_family) {
    case AF_INET:
        return ntohs(address->ip4.sin_port);
    case AF_INET6:
        return ntohs(address->ip6.sin6_port);
    default:
        return 0;
    }
}

int cue_local_port(int fd) {
    address_t address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    return getsockname(fd, &address.any, &size) == 0 ? port_of(&address) : -errno;
}

int cue_set_no_delay(int fd) {
    int one = 1;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 ? 0 : -errno;
}

int cue_peer(int fd, char *text, size_t text_size, uint16_t *port) {
    address_t address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    if (text_size == 0)
        return -EINVAL;
    if (getpeername(fd, &address.any, &size) != 0)
        return -errno;
    text[0] = 0;
    *port = port_of(&address);
    if (address.any.sa_family != AF_INET && address.any.sa_family != AF_INET6)
        return 0;
    const void *bytes = address.any.sa_family == AF_INET ? (void *)&address.ip4.sin_addr
                                                         : (void *)&address.ip6.sin6_addr;
    return inet_ntop(address.any.sa_family, bytes, text, (socklen_t)text_size) == NULL ? -errno
                                                                                       : 0;
}

int cue_resolve(const char *host, char *addresses, int capacity) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int status = getaddrinfo(host, NULL, &hints, &found);
    if (status != 0)
        return status; // EAI_ codes are negative
    int count = 0;
    for (struct addrinfo *each = found; each != NULL && count < capacity; each = each->ai_next)
        if (getnameinfo(each->ai_addr, each->ai_addrlen, addresses + count * CUE_ADDRESS_SIZE,
                        CUE_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) == 0)
            count++;
    freeaddrinfo(found);
    return count;
}

const char *cue_resolve_problem(int code) {
    return gai_strerror(code);
}
