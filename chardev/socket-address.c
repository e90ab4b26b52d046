/* Socket addresses: parsing, naming, listening, connecting. */
#include "chardev/socket-address.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/error.h"
#include "util/keyval.h"

#define UNIX_PATH_MAX sizeof(((struct sockaddr_un *)0)->sun_path)

static bool parse_inet(SocketAddress *a, const Json *opts, GError **error)
{
    const char *port = json_member_string(opts, "port", NULL);
    uint64_t to;
    bool v4, v6;

    if (!port) {
        return error_setf(error, "chardev: socket: no port given");
    }
    if (!keyval_get_uint(opts, "to", 0, &to, error) || !keyval_get_bool(opts, "ipv4", false, &v4, error) ||
        !keyval_get_bool(opts, "ipv6", false, &v6, error)) {
        return false;
    }
    if (to > 65535) {
        return error_setf(error, "port number is too large");
    }
    a->kind = SOCKET_INET;
    a->host = g_strdup(json_member_string(opts, "host", ""));
    a->port = g_strdup(port);
    a->to = to;
    a->family = v4 == v6 ? AF_UNSPEC : v4 ? AF_INET : AF_INET6;
    if (json_has(opts, "ipv4") && !v4 && !json_has(opts, "ipv6")) {
        a->family = AF_INET6;
    } else if (json_has(opts, "ipv6") && !v6 && !json_has(opts, "ipv4")) {
        a->family = AF_INET;
    }
    return true;
}

bool socket_address_parse(SocketAddress *a, const Json *opts, GError **error)
{
    const char *path = json_member_string(opts, "path", NULL);

    if (!path) {
        return parse_inet(a, opts, error);
    }
    if (!keyval_get_bool(opts, "abstract", false, &a->abstract, error) ||
        !keyval_get_bool(opts, "tight", true, &a->tight, error)) {
        return false;
    }
    if (strlen(path) >= UNIX_PATH_MAX) {
        return error_setf(error, "UNIX socket path '%s' is too long", path);
    }
    a->kind = SOCKET_UNIX;
    a->path = g_strdup(path);
    return true;
}

static void name_of(const struct sockaddr *sa, socklen_t len, char **host, char **port)
{
    char h[NI_MAXHOST], p[NI_MAXSERV];

    if (getnameinfo(sa, len, h, sizeof(h), p, sizeof(p), NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        *host = g_strdup(h);
        *port = g_strdup(p);
    }
}

void socket_address_of_fd(SocketAddress *a, int fd)
{
    struct sockaddr_storage ss = { 0 };
    struct sockaddr_un *un = (struct sockaddr_un *)&ss;
    socklen_t len = sizeof(ss);

    socket_address_clear(a);
    getsockname(fd, (struct sockaddr *)&ss, &len);
    if (ss.ss_family == AF_INET || ss.ss_family == AF_INET6) {
        a->kind = SOCKET_INET;
        name_of((struct sockaddr *)&ss, len, &a->host, &a->port);
        return;
    }
    a->kind = SOCKET_UNIX;
    a->abstract = len > offsetof(struct sockaddr_un, sun_path) && un->sun_path[0] == '\0';
    a->tight = true;
    a->path = a->abstract ? g_strndup(un->sun_path + 1, len - offsetof(struct sockaddr_un, sun_path) - 1)
                          : g_strndup(un->sun_path, UNIX_PATH_MAX);
}

void socket_address_clear(SocketAddress *a)
{
    g_free(a->path);
    g_free(a->host);
    g_free(a->port);
    memset(a, 0, sizeof(*a));
}

char *socket_address_text(const SocketAddress *a, const char *scheme)
{
    if (a->kind == SOCKET_UNIX) {
        return g_strdup_printf("unix:%s%s", a->path ? a->path : "",
                               !a->abstract ? "" : a->tight ? ",abstract=on,tight=on" : ",abstract=on,tight=off");
    }
    return g_strdup_printf("%s:%s:%s", scheme, a->host ? a->host : "", a->port ? a->port : "");
}

char *socket_peer_text(int fd)
{
    struct sockaddr_storage ss = { 0 };
    socklen_t len = sizeof(ss);
    g_autofree char *host = NULL, *port = NULL;

    if (getpeername(fd, (struct sockaddr *)&ss, &len) < 0 || (ss.ss_family != AF_INET && ss.ss_family != AF_INET6)) {
        return NULL;
    }
    name_of((struct sockaddr *)&ss, len, &host, &port);
    return g_strdup_printf(" <-> %s:%s", host ? host : "", port ? port : "");
}

/* The kernel's form of a unix address; returns its length. */
static socklen_t unix_address(const SocketAddress *a, struct sockaddr_un *un)
{
    size_t len = strlen(a->path);

    memset(un, 0, sizeof(*un));
    un->sun_family = AF_UNIX;
    if (a->abstract) {
        len = MIN(len, UNIX_PATH_MAX - 1);
        memcpy(un->sun_path + 1, a->path, len);
        return a->tight ? offsetof(struct sockaddr_un, sun_path) + 1 + len : sizeof(*un);
    }
    memcpy(un->sun_path, a->path, len);
    return sizeof(*un);
}

static struct addrinfo *resolve(const SocketAddress *a, int flags, GError **error)
{
    struct addrinfo hints = { .ai_flags = flags, .ai_family = a->family, .ai_socktype = SOCK_STREAM }, *list;
    guint64 number;
    int rc;

    if (!a->port[0]) {
        error_setf(error, "port not specified");
        return NULL;
    }
    /* The C library would take the low 16 bits. */
    if (g_ascii_string_to_unsigned(a->port, 10, 0, UINT64_MAX, &number, NULL) && number > 65535) {
        error_setf(error, "port number is too large");
        return NULL;
    }
    rc = getaddrinfo(a->host && a->host[0] ? a->host : NULL, a->port, &hints, &list);
    if (rc != 0) {
        error_setf(error, "address resolution failed for %s:%s: %s", a->host, a->port, gai_strerror(rc));
        return NULL;
    }
    return list;
}

static int listen_unix(const SocketAddress *a, GError **error)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un un;
    socklen_t len;

    if (fd < 0) {
        error_set_errno(error, errno, "Failed to create Unix socket");
        return -1;
    }
    len = unix_address(a, &un);
    if (!a->abstract && unlink(a->path) < 0 && errno != ENOENT) {
        error_set_errno(error, errno, "Failed to unlink socket %s", a->path);
    } else if (bind(fd, (struct sockaddr *)&un, len) < 0) {
        error_set_errno(error, errno, "Failed to bind socket to %s", a->path);
    } else if (listen(fd, 1) < 0) {
        error_set_errno(error, errno, "Failed to listen on socket");
    } else {
        return fd;
    }
    close(fd);
    return -1;
}

static void set_port(struct addrinfo *ai, unsigned port)
{
    if (ai->ai_family == AF_INET6) {
        ((struct sockaddr_in6 *)ai->ai_addr)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)ai->ai_addr)->sin_port = htons(port);
    }
}

static unsigned get_port(const struct addrinfo *ai)
{
    return ntohs(ai->ai_family == AF_INET6 ? ((struct sockaddr_in6 *)ai->ai_addr)->sin6_port
                                            : ((struct sockaddr_in *)ai->ai_addr)->sin_port);
}

static int listen_one(struct addrinfo *ai, unsigned last)
{
    for (unsigned port = get_port(ai), first = true; first || port <= last; port++, first = false) {
        int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1, saved;

        if (fd < 0) {
            return -1;
        }
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
        set_port(ai, port);
        if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, 1) == 0) {
            return fd;
        }
        saved = errno;
        close(fd);
        errno = saved;
        if (saved != EADDRINUSE) {
            return -1;
        }
    }
    return -1;
}

int socket_listen(SocketAddress *a, GError **error)
{
    struct addrinfo *list;
    int fd = -1;

    if (a->kind == SOCKET_UNIX) {
        return listen_unix(a, error);
    }
    list = resolve(a, AI_PASSIVE, error);
    if (!list) {
        return -1;
    }
    if (a->to && get_port(list) > a->to) {
        error_setf(error, "there is no port from %u to %u", get_port(list), a->to);
        freeaddrinfo(list);
        return -1;
    }
    for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
        fd = listen_one(ai, a->to);
    }
    freeaddrinfo(list);
    if (fd < 0) {
        error_set_errno(error, errno, "Failed to find an available port");
    } else {
        SocketAddress real = { 0 };

        socket_address_of_fd(&real, fd);
        socket_address_clear(a);
        *a = real;
    }
    return fd;
}

typedef struct Patience {
    bool (*go_on)(void *opaque);    /* NULL: for ever */
    void *opaque;
} Patience;

/* Gives up, with errno ECANCELED, when it shall not go on. */
static bool connect_fd(int fd, const struct sockaddr *to, socklen_t length, const Patience *patience)
{
    struct timeval step = { .tv_usec = patience->go_on ? 100000 : 0 };

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &step, sizeof(step));
    while (connect(fd, to, length) < 0) {
        bool later = errno == EAGAIN || errno == EINPROGRESS || errno == EALREADY || errno == EINTR;

        if (errno == EISCONN) {
            break;
        }
        if (!later) {
            return false;
        }
        if (patience->go_on && !patience->go_on(patience->opaque)) {
            errno = ECANCELED;
            return false;
        }
    }
    step.tv_usec = 0;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &step, sizeof(step));
    return true;
}

static int connect_unix(const SocketAddress *a, const Patience *patience, GError **error)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un un;
    socklen_t len;

    if (fd < 0) {
        error_set_errno(error, errno, "Failed to create Unix socket");
        return -1;
    }
    len = unix_address(a, &un);
    if (!connect_fd(fd, (struct sockaddr *)&un, len, patience)) {
        error_set_errno(error, errno, "Failed to connect to '%s'", a->path);
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_inet(const SocketAddress *a, const Patience *patience, GError **error)
{
    struct addrinfo *list = resolve(a, 0, error);
    int fd = -1, saved = 0;

    if (!list) {
        return -1;
    }
    for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
        fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && !connect_fd(fd, ai->ai_addr, ai->ai_addrlen, patience)) {
            saved = errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        error_set_errno(error, saved, "Failed to connect to '%s:%s'", a->host, a->port);
    }
    return fd;
}

int socket_connect_while(const SocketAddress *a, bool (*go_on)(void *opaque), void *opaque, GError **error)
{
    Patience patience = { .go_on = go_on, .opaque = opaque };

    return a->kind == SOCKET_UNIX ? connect_unix(a, &patience, error) : connect_inet(a, &patience, error);
}

int socket_connect(const SocketAddress *a, GError **error)
{
    return socket_connect_while(a, NULL, NULL, error);
}
