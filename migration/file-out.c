/* See file-out.h. */
#include "file-out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"

struct FileOut {
    int fd;
    char *path;             /* where it goes, links followed */
    char *temporary;        /* its name until then; NULL: none yet (O_TMPFILE), or written in place */
    bool in_place;
};

int file_out_fd(const FileOut *file)
{
    return file->fd;
}

static void discard(FileOut *file)
{
    if (file->temporary) {
        unlink(file->temporary);
    }
    if (file->fd >= 0) {
        close(file->fd);
    }
    g_free(file->temporary);
    g_free(file->path);
    g_free(file);
}

static char *temporary_name(const char *path)
{
    static unsigned counter;

    return g_strdup_printf("%s.%d-%u.part", path, (int)getpid(), counter++);
}

/* Nameless where the file system can, so that nothing is left behind even by a kill. */
static bool open_beside(FileOut *file, mode_t mode, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(file->path);

    file->fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
    if (file->fd < 0) {
        file->temporary = temporary_name(file->path);
        file->fd = open(file->temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);
    }
    if (file->fd < 0) {
        g_clear_pointer(&file->temporary, g_free);
        return error_set_errno(error, errno, "Could not open '%s'", file->path);
    }
    return true;
}

static bool copy_head(FileOut *file, uint64_t offset, GError **error)
{
    int from = open(file->path, O_RDONLY | O_CLOEXEC);
    uint64_t left = offset;
    char buf[65536];
    ssize_t got = 1;
    bool ok = true;

    while (from >= 0 && left && ok && got > 0) {
        got = read(from, buf, MIN(left, sizeof(buf)));
        ok = got <= 0 || write(file->fd, buf, got) == got;
        left -= MAX(got, 0);
    }
    ok = ok && got >= 0 && (from >= 0 || errno == ENOENT) && lseek(file->fd, offset, SEEK_SET) >= 0;
    if (!ok) {
        error_set_errno(error, errno, "Could not take over the head of '%s'", file->path);
    }
    if (from >= 0) {
        close(from);
    }
    return ok;
}

static bool open_in_place(FileOut *file, uint64_t offset, GError **error)
{
    file->in_place = true;
    /* A named pipe must have its reader already, and may be full later without anybody being kept. */
    file->fd = open(file->path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->fd < 0) {
        return error_set_errno(error, errno, "Could not open '%s'", file->path);
    }
    if (offset && lseek(file->fd, offset, SEEK_SET) < 0) {
        return error_set_errno(error, errno, "Could not seek in '%s'", file->path);
    }
    return true;
}

FileOut *file_out_open(const char *path, uint64_t offset, GError **error)
{
    FileOut *file = g_new0(FileOut, 1);
    char *real = realpath(path, NULL);
    mode_t mode = 0660;
    struct stat st;
    bool exists, ok;

    file->fd = -1;
    file->path = g_strdup(real ? real : path);
    free(real);
    exists = stat(file->path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        ok = error_set_errno(error, errno, "Could not open '%s'", path);
    } else if (exists && !S_ISREG(st.st_mode)) {
        ok = open_in_place(file, offset, error);
    } else if (exists && access(file->path, W_OK) < 0) {
        ok = error_set_errno(error, errno, "Could not open '%s'", path);
    } else {
        ok = open_beside(file, mode, error) && (!offset || copy_head(file, offset, error));
        if (ok && exists && fchmod(file->fd, st.st_mode & 07777) == 0 && fchown(file->fd, st.st_uid, st.st_gid) < 0) {
            errno = 0;  /* not ours to give: the new file is the writer's */
        }
    }
    if (!ok) {
        discard(file);
        return NULL;
    }
    return file;
}

/* Gives a nameless file a name in its folder. */
static bool name_it(FileOut *file)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", file->fd);

    if (file->temporary) {
        return true;
    }
    file->temporary = temporary_name(file->path);
    if (linkat(AT_FDCWD, self, AT_FDCWD, file->temporary, AT_SYMLINK_FOLLOW) < 0) {
        g_clear_pointer(&file->temporary, g_free);
        return false;
    }
    return true;
}

static void sync_folder(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

bool file_out_close(FileOut *file, bool commit, GError **error)
{
    bool ok = true;

    if (commit && file->in_place) {
        ok = fsync(file->fd) == 0 || errno == EINVAL || errno == EROFS ||
             error_set_errno(error, errno, "Could not write '%s'", file->path);
    } else if (commit) {
        ok = (fsync(file->fd) == 0 && name_it(file) && rename(file->temporary, file->path) == 0) ||
             error_set_errno(error, errno, "Could not write '%s'", file->path);
        if (ok) {
            g_clear_pointer(&file->temporary, g_free);
            sync_folder(file->path);
        }
    }
    discard(file);
    return ok;
}
