/*
 * What no move of memory through a UNIX socket can beat: a process that writes the pages of a file that it maps, and one
 * that reads them to where they stay, neither looking at a byte.
 *
 *     bench-socket FILE       GB/s
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 4 << 20, BUFFER = 1 << 20, HUGE = 2 << 20 };

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static int fail(const char *what)
{
    perror(what);
    return 1;
}

static int send_all(int to, const char *memory, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t put = write(to, memory + at, size - at < PIECE ? size - at : PIECE);

        if (put < 0) {
            return fail("write");
        }
        at += put;
    }
    return 0;
}

int main(int argc, char **argv)
{
    int file = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1, ends[2], size = BUFFER, status;
    struct stat st;
    char *from, *to;
    double begin;
    pid_t child;

    if (file < 0 || fstat(file, &st) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) {
        return fail("bench-socket FILE");
    }
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    from = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    to = mmap(NULL, st.st_size + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (from == MAP_FAILED || to == MAP_FAILED) {
        return fail("mmap");
    }
    to += -(uintptr_t)to & (HUGE - 1);
    madvise(to, st.st_size, MADV_HUGEPAGE);
    begin = seconds();
    child = fork();
    if (child <= 0) {
        _exit(child < 0 ? fail("fork") : send_all(ends[0], from, st.st_size));
    }
    close(ends[0]);
    for (off_t at = 0; at < st.st_size;) {
        ssize_t got = read(ends[1], to + at, st.st_size - at);

        if (got <= 0) {
            return fail("read");
        }
        at += got;
    }
    printf("%.3f\n", st.st_size / (seconds() - begin) / 1e9);
    return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}
