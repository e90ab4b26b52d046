/* In the background: -daemonize, -pidfile, -chroot, -runas. */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/setup.h"

static int ready_pipe = -1;         /* a child's, to its parent */
static char *pidfile;
static int pidfile_fd = -1;
static pid_t pidfile_owner;

bool daemon_begin(GError **error)
{
    uint8_t status;
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(error, errno, "pipe");
    }
    pid = fork();
    if (pid < 0) {
        return error_set_errno(error, errno, "fork");
    }
    if (pid > 0) {
        ssize_t n;

        /* No word means that the child is gone, having said why. */
        close(ends[1]);
        do {
            n = read(ends[0], &status, 1);
        } while (n < 0 && errno == EINTR);
        _exit(n == 1 && status == 0 ? 0 : 1);
    }
    close(ends[0]);
    ready_pipe = ends[1];
    setsid();
    /* Once more, so that no terminal becomes ours by being opened. */
    pid = fork();
    if (pid != 0) {
        _exit(pid > 0 ? 0 : 1);
    }
    umask(027);
    return true;
}

void daemon_ready(void)
{
    uint8_t status = 0;
    int null;

    if (ready_pipe < 0) {
        return;
    }
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (chdir("/") < 0 || null < 0) {
        return;
    }
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    close(null);
    if (write(ready_pipe, &status, 1) == 1) {
        close(ready_pipe);
        ready_pipe = -1;
    }
}

bool daemon_pidfile(const char *path, GError **error)
{
    g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    struct stat here, there;

    for (;;) {
        pidfile_fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (pidfile_fd < 0) {
            return error_set_errno(error, errno, "cannot create PID file: Could not create '%s'", path);
        }
        if (fcntl(pidfile_fd, F_SETLK, &lock) < 0) {
            error_set_errno(error, errno, "cannot create PID file: Cannot lock pid file");
            close(pidfile_fd);
            pidfile_fd = -1;
            return false;
        }
        /* Its last owner may have removed it between our open and our lock. */
        if (stat(path, &there) == 0 && fstat(pidfile_fd, &here) == 0 && here.st_ino == there.st_ino) {
            break;
        }
        close(pidfile_fd);
    }
    if (ftruncate(pidfile_fd, 0) < 0 || write(pidfile_fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        return error_set_errno(error, errno, "cannot create PID file: Failed to write pid file");
    }
    pidfile = realpath(path, NULL);
    pidfile_owner = getpid();
    return true;
}

void daemon_end(void)
{
    if (pidfile && pidfile_owner == getpid()) {
        unlink(pidfile);
    }
    g_clear_pointer(&pidfile, free);
}

/* "NAME" or "UID:GID"; *name is left NULL for the latter. */
static bool find_user(const char *user, uid_t *uid, gid_t *gid, const char **name, GError **error)
{
    const struct passwd *pw = getpwnam(user);
    char *end;

    if (pw) {
        *uid = pw->pw_uid;
        *gid = pw->pw_gid;
        *name = pw->pw_name;
        return true;
    }
    *name = NULL;
    *uid = strtoul(user, &end, 10);
    if (end != user && *end == ':' && g_ascii_isdigit(end[1])) {
        *gid = strtoul(end + 1, &end, 10);
        if (!*end) {
            return true;
        }
    }
    return error_setf(error, "User \"%s\" doesn't exist (and is not <uid>:<gid>)", user);
}

bool daemon_check_user(const char *user, GError **error)
{
    const char *name;
    uid_t uid;
    gid_t gid;

    return find_user(user, &uid, &gid, &name, error);
}

bool daemon_confine(const char *chroot_dir, const char *user, GError **error)
{
    const char *name = NULL;
    uid_t uid = 0;
    gid_t gid = 0;

    if (user && !find_user(user, &uid, &gid, &name, error)) {
        return false;
    }
    if (chroot_dir && (chroot(chroot_dir) < 0 || chdir("/") < 0)) {
        return error_set_errno(error, errno, "chroot failed");
    }
    if (!user) {
        return true;
    }
    if (setgid(gid) < 0) {
        return error_set_errno(error, errno, "Failed to setgid(%u)", gid);
    }
    if (name ? initgroups(name, gid) < 0 : setgroups(1, &gid) < 0) {
        return error_set_errno(error, errno, "Failed to set the groups of %s", user);
    }
    if (setuid(uid) < 0) {
        return error_set_errno(error, errno, "Failed to setuid(%u)", uid);
    }
    return uid == 0 || setuid(0) == -1 || error_setf(error, "Dropping privileges failed");
}
