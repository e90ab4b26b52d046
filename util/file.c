#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "util/error.h"

bool file_write(const char *path, const void *data, size_t len, GError **error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), failed = fd < 0 ? errno : 0;

    if (fd < 0) {
        return error_set_errno(error, failed, "open %s", path);
    }
    for (size_t done = 0; done < len && !failed;) {
        ssize_t n = write(fd, (const char *)data + done, len - done);

        if (n >= 0) {
            done += n;
        } else if (errno != EINTR) {
            failed = errno;
        }
    }
    if (close(fd) < 0 && !failed) {
        failed = errno;
    }
    return !failed || error_set_errno(error, failed, "write %s", path);
}
