/* Open channels: descriptors that wait with poll(), so that whoever wants can end the wait. */
#include "channel.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file-out.h"
#include "migration/migration.h"
#include "system/main-loop.h"
#include "util/error.h"

int (*migration_take_fd)(const char *name, GError **error);

struct Channel {
    int refs;
    int fd;                 /* -1: none yet */
    int wake;               /* an eventfd: readable once the channel is interrupted */
    int saved_flags;        /* of a descriptor that came from outside; -1: it is ours */
    bool outgoing;
    bool interrupted;
    bool finished;
    bool nobody_yet;        /* a named pipe: that there is no writer yet is not its end */
    int listen_fd;
    int lending[2];         /* a pipe by which pages get into a socket without a copy; -1: not with this one */
    pid_t child;            /* of exec; 0: none */
    FileOut *file;
    SocketAddress to;       /* not connected yet */
    bool has_to;
};

static Channel *channel_new(bool outgoing)
{
    Channel *c = g_new0(Channel, 1);

    c->refs = 1;
    c->fd = c->listen_fd = c->saved_flags = c->lending[0] = c->lending[1] = -1;
    c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->outgoing = outgoing;
    return c;
}

static bool is_interrupted(const Channel *c)
{
    return __atomic_load_n(&c->interrupted, __ATOMIC_ACQUIRE);
}

/* Waits for the command; one that lingers though nobody wants it is told, then made, to end. False: it failed. */
static bool reap(Channel *c, bool patient, GError **error)
{
    struct pollfd wake = { .fd = c->wake, .events = POLLIN };
    int status = 0, tries = 0, hurried = 0;

    while (waitpid(c->child, &status, WNOHANG) == 0) {
        if (!patient || is_interrupted(c)) {
            if (++hurried == 100 || hurried == 200) {
                kill(c->child, hurried == 100 ? SIGTERM : SIGKILL);
            }
            g_usleep(hurried < 10 ? 1000 : 10000);
        } else {
            poll(&wake, 1, ++tries < 20 ? 1 : 10);
        }
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return true;
    }
    if (WIFSIGNALED(status)) {
        return error_setf(error, "the command was ended by signal %d", WTERMSIG(status));
    }
    return error_setf(error, "the command failed with exit status %d", WEXITSTATUS(status));
}

static void stop_lending(Channel *c)
{
    for (int i = 0; i < 2; i++) {
        if (c->lending[i] >= 0) {
            close(c->lending[i]);
        }
        c->lending[i] = -1;
    }
}

static bool finish(Channel *c, bool commit, GError **error)
{
    bool ok = true;

    c->finished = true;
    stop_lending(c);
    if (c->file) {
        ok = file_out_close(c->file, commit && !is_interrupted(c), error);
        c->fd = -1;
    }
    if (c->fd >= 0) {
        if (c->saved_flags >= 0) {
            fcntl(c->fd, F_SETFL, c->saved_flags);
        }
        if (close(c->fd) < 0 && c->outgoing && errno != EINTR) {
            ok = error_set_errno(error, errno, "Unable to close the stream");
        }
    }
    if (c->listen_fd >= 0) {
        close(c->listen_fd);
    }
    if (c->child) {
        bool wanted = c->outgoing && commit && ok;

        if (c->outgoing && !commit) {
            kill(c->child, SIGTERM);
        }
        if (!reap(c, wanted, wanted ? error : NULL) && wanted) {
            ok = false;
        }
    }
    return ok;
}

void channel_unref(Channel *c)
{
    if (!c || !g_atomic_int_dec_and_test(&c->refs)) {
        return;
    }
    if (!c->finished) {
        finish(c, false, NULL);
    }
    close(c->wake);
    socket_address_clear(&c->to);
    g_free(c);
}

void channel_interrupt(Channel *c)
{
    __atomic_store_n(&c->interrupted, true, __ATOMIC_RELEASE);
    if (eventfd_write(c->wake, 1) < 0) {
        return; /* full: it is readable already */
    }
}

/* False if the channel was interrupted. Others may have the big lock meanwhile. */
static bool wait_for(Channel *c, short events)
{
    struct pollfd fds[2] = { { .fd = c->fd, .events = events }, { .fd = c->wake, .events = POLLIN } };
    bool lock = big_lock_held();

    if (lock) {
        big_unlock();
    }
    while (poll(fds, 2, -1) < 0 && errno == EINTR) {
    }
    if (lock) {
        big_lock();
    }
    return !is_interrupted(c);
}

static gssize cancelled(GError **error)
{
    g_set_error(error, STREAM_ERROR, ECANCELED, "the stream was given up");
    return -1;
}

static gssize channel_readv(void *opaque, const struct iovec *iov, int count, GError **error)
{
    Channel *c = opaque;

    if (c->nobody_yet) {
        wait_for(c, POLLIN);
        c->nobody_yet = false;
    }
    for (;;) {
        ssize_t got = is_interrupted(c) ? -1 : readv(c->fd, iov, count);

        if (is_interrupted(c)) {
            return cancelled(error);
        }
        if (got >= 0) {
            return got;
        }
        if (errno == EAGAIN) {
            wait_for(c, POLLIN);
        } else if (errno != EINTR) {
            int errnum = errno;

            g_set_error(error, STREAM_ERROR, errnum, "Unable to read from the stream: %s", g_strerror(errnum));
            return -1;
        }
    }
}

static gssize channel_read(void *opaque, void *buf, size_t len, GError **error)
{
    struct iovec iov = { .iov_base = buf, .iov_len = len };

    return channel_readv(opaque, &iov, 1, error);
}

/* After a write that failed: true if it is worth another try. */
static bool can_write_now(Channel *c, GError **error)
{
    int errnum = errno;

    if (errnum == EAGAIN || errnum == EINTR) {
        return errnum == EINTR || wait_for(c, POLLOUT) || cancelled(error) > 0;
    }
    g_set_error(error, STREAM_ERROR, errnum, "Unable to write to %s: %s",
                c->child ? "command" : c->file ? "file" : "socket", g_strerror(errnum));
    return false;
}

static gssize channel_writev(void *opaque, const struct iovec *iov, int count, GError **error)
{
    Channel *c = opaque;
    ssize_t put = -1;

    while (!is_interrupted(c) && (put = writev(c->fd, iov, count)) < 0) {
        if (!can_write_now(c, error)) {
            return -1;
        }
    }
    return is_interrupted(c) ? cancelled(error) : put;
}

/* What is in the pipe after a call is in the socket at its end: a write past the pipe would overtake it. */
static gssize channel_lend(void *opaque, const struct iovec *iov, int count, GError **error)
{
    Channel *c = opaque;
    ssize_t put, part;

    if (c->lending[1] >= 0 && (put = vmsplice(c->lending[1], iov, count, SPLICE_F_NONBLOCK)) > 0) {
        for (ssize_t left = put; left && !is_interrupted(c); left -= MAX(part, 0)) {
            part = splice(c->lending[0], NULL, c->fd, NULL, left, SPLICE_F_NONBLOCK);
            if (part < 0 && !can_write_now(c, error)) {
                return -1;
            }
        }
        return is_interrupted(c) ? cancelled(error) : put;
    }
    stop_lending(c);
    return channel_writev(c, iov, count, error);
}

/* A UNIX socket has the pages until the other side has read them. */
static bool channel_settle(void *opaque, GError **error)
{
    Channel *c = opaque;
    struct pollfd wake = { .fd = c->wake, .events = POLLIN };
    struct timespec pause = { .tv_nsec = 20000 };
    int there = 0;

    while (ioctl(c->fd, SIOCOUTQ, &there) == 0 && there && !is_interrupted(c)) {
        ppoll(&wake, 1, &pause, NULL);
        pause.tv_nsec = MIN(pause.tv_nsec * 2, 5000000);
    }
    return !is_interrupted(c) || cancelled(error) > 0;
}

static bool channel_close(void *opaque, bool commit, GError **error)
{
    bool ok = finish(opaque, commit, error);

    channel_unref(opaque);
    return ok;
}

static void channel_interrupt_opaque(void *opaque)
{
    channel_interrupt(opaque);
}

Stream *channel_stream(Channel *c)
{
    static const StreamChannel in = {
        .read = channel_read, .readv = channel_readv, .close = channel_close, .interrupt = channel_interrupt_opaque,
    };
    static const StreamChannel out = {
        .writev = channel_writev, .close = channel_close, .interrupt = channel_interrupt_opaque,
    };
    static const StreamChannel lending = {
        .writev = channel_writev, .lend = channel_lend, .settle = channel_settle,
        .close = channel_close, .interrupt = channel_interrupt_opaque,
    };

    g_atomic_int_inc(&c->refs);
    return stream_new(!c->outgoing ? &in : c->lending[1] >= 0 ? &lending : &out, c);
}

/*
 * Fewer and longer pieces of work for both sides. The defaults are 64 KiB of a pipe and 208 KiB of a UNIX socket; TCP
 * finds its own measure. No matter if it is not allowed. True: a stream on a UNIX socket.
 */
static bool widen(int fd)
{
    static const int size = 1024 * 1024;
    int domain = 0, type = 0;
    socklen_t length = sizeof(domain);

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0) {
        fcntl(fd, F_SETPIPE_SZ, size);
    } else if (domain == AF_UNIX) {
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    }
    return domain == AF_UNIX && type == SOCK_STREAM;
}

/* Takes the descriptor as it is; one from outside gets its flags back at the end. */
static void adopt(Channel *c, int fd, bool from_outside)
{
    int flags = fcntl(fd, F_GETFL);

    c->fd = fd;
    if (flags >= 0 && !(flags & O_NONBLOCK)) {
        c->saved_flags = from_outside ? flags : -1;
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    }
    if (widen(fd) && c->outgoing && pipe2(c->lending, O_CLOEXEC) == 0) {
        widen(c->lending[1]);
    }
}

static bool open_exec(Channel *c, const ChannelAddress *address, GError **error)
{
    GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH |
                        (c->outgoing ? G_SPAWN_STDOUT_TO_DEV_NULL : 0);
    int fd = -1;
    GPid pid;

    if (!g_spawn_async_with_pipes(NULL, address->argv, NULL, flags, NULL, NULL, &pid, c->outgoing ? &fd : NULL,
                                  c->outgoing ? NULL : &fd, NULL, error)) {
        return false;
    }
    c->child = pid;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    adopt(c, fd, false);
    return true;
}

static bool open_fd(Channel *c, const char *name, GError **error)
{
    int fd;

    if (!g_ascii_isdigit(*name) && migration_take_fd) {
        fd = migration_take_fd(name, error);
        if (fd < 0) {
            return false;
        }
    } else {
        guint64 number;

        if (!g_ascii_string_to_unsigned(name, 10, 0, INT_MAX, &number, NULL)) {
            return error_setf(error, "Invalid file descriptor number '%s'", name);
        }
        fd = number;
        if (fcntl(fd, F_GETFD) < 0) {
            return error_set_errno(error, errno, "Invalid file descriptor number '%s'", name);
        }
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    adopt(c, fd, true);
    return true;
}

static bool open_file_in(Channel *c, const ChannelAddress *address, GError **error)
{
    /* Not waiting for the other end of a named pipe. */
    int fd = open(address->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    if (fd < 0) {
        return error_set_errno(error, errno, "Could not open '%s'", address->path);
    }
    adopt(c, fd, false);
    c->nobody_yet = fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
    if (address->offset && lseek(fd, address->offset, SEEK_SET) < 0) {
        return error_set_errno(error, errno, "Could not seek in '%s'", address->path);
    }
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return true;
}

Channel *channel_open_out(const ChannelAddress *address, GError **error)
{
    Channel *c = channel_new(true);
    bool ok = true;

    switch (address->kind) {
    case CHANNEL_EXEC:
        ok = open_exec(c, address, error);
        break;
    case CHANNEL_FD:
        ok = open_fd(c, address->fd, error);
        break;
    case CHANNEL_FILE:
        c->file = file_out_open(address->path, address->offset, error);
        ok = c->file != NULL;
        if (ok) {
            c->fd = file_out_fd(c->file);
        }
        break;
    case CHANNEL_SOCKET:
        c->to = address->socket;
        c->to.path = g_strdup(address->socket.path);
        c->to.host = g_strdup(address->socket.host);
        c->to.port = g_strdup(address->socket.port);
        c->has_to = true;
        break;
    }
    if (!ok) {
        channel_unref(c);
        return NULL;
    }
    return c;
}

static bool may_go_on(void *opaque)
{
    return !is_interrupted(opaque);
}

bool channel_connect(Channel *c, GError **error)
{
    int fd;

    if (!c->has_to) {
        return true;
    }
    fd = socket_connect_while(&c->to, may_go_on, c, error);
    if (fd < 0) {
        return false;
    }
    adopt(c, fd, false);
    return !is_interrupted(c) || cancelled(error) > 0;
}

Channel *channel_open_in(ChannelAddress *address, GError **error)
{
    Channel *c = channel_new(false);
    bool ok = true;

    switch (address->kind) {
    case CHANNEL_EXEC:
        ok = open_exec(c, address, error);
        break;
    case CHANNEL_FD:
        ok = open_fd(c, address->fd, error);
        break;
    case CHANNEL_FILE:
        ok = open_file_in(c, address, error);
        break;
    case CHANNEL_SOCKET:
        c->listen_fd = socket_listen(&address->socket, error);
        ok = c->listen_fd >= 0;
        break;
    }
    if (!ok) {
        channel_unref(c);
        return NULL;
    }
    return c;
}

int channel_listen_fd(const Channel *c)
{
    return c->listen_fd;
}

bool channel_accept(Channel *c)
{
    int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        return false;
    }
    adopt(c, fd, false);
    close(c->listen_fd);
    c->listen_fd = -1;
    return true;
}
