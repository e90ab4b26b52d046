/*
 * A guest's work that notices when something goes wrong. Each worker is a process; what it did and what was wrong is in a
 * file that all share, which `busy status` prints.
 *
 *     busy fill DISK          every sector of the first half gets its pattern
 *     busy start DISK         the workers: disk, clocks, processes, memory, arithmetic
 *     busy disk DISK          one more, that reads and writes a disk until it is gone; errors are right then
 *     busy status             e.g. "errors 0 jump 12 reads 3 writes 3 forks 10 ticks 99 rounds 7 sums 5 plugged 0"
 *     busy tsc                what RDTSC reads
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SECTOR = 512, CHUNK = 64 << 10, MEMORY = 4 << 20 };

/* In the order of `busy status`. */
typedef struct Status {
    uint64_t errors, jump_ms, reads, writes, forks, ticks, rounds, sums, plugged;
    uint64_t last_ns;       /* the latest time that any CPU saw */
} Status;
static Status *status;

static void add(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

__attribute__((format(printf, 1, 2))) static void wrong(const char *format, ...)
{
    char text[256];
    va_list args;
    int fd = open("/tmp/busy.log", O_WRONLY | O_CREAT | O_APPEND, 0644);

    add(&status->errors);
    va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (write(fd, text, (size_t)length) != length) {
        add(&status->errors);
    }
    close(fd);
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t time_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- disks: what a sector holds follows from its number and how often it was written --- */

static void pattern(uint8_t *to, uint64_t sector, uint64_t generation)
{
    uint64_t state = sector * 0x9e3779b97f4a7c15 + generation * 0xd1342543de82ef95 + 1;

    for (unsigned i = 0; i < SECTOR; i += 8) {
        uint64_t value = random_next(&state);
        memcpy(to + i, &value, 8);
    }
}

static void fill_chunk(uint8_t *to, uint64_t chunk, uint64_t generation)
{
    for (unsigned i = 0; i < CHUNK / SECTOR; i++) {
        pattern(to + i * SECTOR, chunk * (CHUNK / SECTOR) + i, generation);
    }
}

static int open_disk(const char *path, uint64_t *chunks)
{
    uint64_t size;
    int fd = open(path, O_RDWR | O_DIRECT);

    if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0 || size < 2 * CHUNK) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    *chunks = size / CHUNK;
    return fd;
}

static void *buffer(void)
{
    return mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void fill_disk(const char *path)
{
    uint64_t chunks;
    int fd = open_disk(path, &chunks);
    uint8_t *data = buffer();

    for (uint64_t chunk = 0; chunk < chunks / 2; chunk++) {
        fill_chunk(data, chunk, 0);
        if (pwrite(fd, data, CHUNK, (off_t)(chunk * CHUNK)) != CHUNK) {
            perror(path);
            exit(1);
        }
    }
    fsync(fd);
}

/* False: the disk is gone, if it may go. */
static int transfer(int fd, uint8_t *data, uint64_t chunk, int is_write, int may_go)
{
    ssize_t done = is_write ? pwrite(fd, data, CHUNK, (off_t)(chunk * CHUNK)) : pread(fd, data, CHUNK, (off_t)(chunk * CHUNK));

    if (done != CHUNK && !may_go) {
        wrong("%s of chunk %lu: %zd, %s\n", is_write ? "write" : "read", (unsigned long)chunk, done, strerror(errno));
    }
    return done == CHUNK || !may_go;
}

static void check_chunk(const uint8_t *data, uint8_t *want, uint64_t chunk, uint64_t generation)
{
    fill_chunk(want, chunk, generation);
    for (unsigned i = 0; i < CHUNK; i += SECTOR) {
        if (memcmp(data + i, want + i, SECTOR) != 0) {
            wrong("chunk %lu, sector %u of it: not what generation %lu wrote\n", (unsigned long)chunk, i / SECTOR,
                  (unsigned long)generation);
            return;
        }
    }
}

static void work_disk(const char *path, int may_go)
{
    uint64_t chunks, seed = 88172645463325252u + (uint64_t)getpid();
    int fd = open_disk(path, &chunks);
    uint8_t *data = buffer(), *want = buffer();
    uint64_t *generations = calloc(chunks, sizeof(*generations));     /* of the second half; 0: not yet written */

    for (;;) {
        uint64_t chunk = random_next(&seed) % chunks;
        int is_write = chunk >= chunks / 2 && (generations[chunk] == 0 || random_next(&seed) % 2);

        if (chunk < chunks / 2 && may_go) {
            chunk += chunks - chunks / 2 > chunk ? chunks / 2 : 0;     /* nobody filled it */
            is_write = generations[chunk] == 0;
        }
        if (is_write) {
            fill_chunk(data, chunk, ++generations[chunk]);
        }
        if (!transfer(fd, data, chunk, is_write, may_go)) {
            return;
        }
        if (!is_write) {
            check_chunk(data, want, chunk, generations[chunk]);
        }
        add(may_go ? &status->plugged : is_write ? &status->writes : &status->reads);
    }
}

/* --- the others --- */

/* On one CPU, or wherever it may run: no time is earlier than what anybody saw before. */
static void work_clock(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
    for (uint64_t ticks = 0;; ticks++) {
        struct timespec nap = { 0, 10000000 };
        uint64_t before = time_ns(CLOCK_MONOTONIC), wall = time_ns(CLOCK_REALTIME);

        nanosleep(&nap, NULL);
        for (unsigned i = 0; i < 100; i++) {
            uint64_t last = __atomic_load_n(&status->last_ns, __ATOMIC_SEQ_CST), now = time_ns(CLOCK_MONOTONIC);

            if (now < last) {
                wrong("time went back by %lu ns on CPU %d\n", (unsigned long)(last - now), cpu);
            }
            while (last < now && !__atomic_compare_exchange_n(&status->last_ns, &last, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            }
        }
        uint64_t passed = time_ns(CLOCK_MONOTONIC) - before, wall_passed = time_ns(CLOCK_REALTIME) - wall;
        if (passed < 10000000) {
            wrong("a sleep of 10 ms took %lu ns\n", (unsigned long)passed);
        }
        if (passed / 1000000 > status->jump_ms) {
            status->jump_ms = passed / 1000000;
        }
        if (wall_passed + 1000000000 < passed || wall_passed > passed + 1000000000) {
            wrong("%lu ns of wall clock in %lu ns\n", (unsigned long)wall_passed, (unsigned long)passed);
        }
        add(&status->ticks);
    }
}

static void work_processes(void)
{
    for (unsigned n = 0;; n++) {
        char text[16];
        int code;
        pid_t pid = fork();

        if (pid == 0) {
            snprintf(text, sizeof(text), "%u", n % 200);
            execl("/proc/self/exe", "busy", "exit", text, (char *)NULL);
            _exit(255);
        }
        if (pid < 0 || waitpid(pid, &code, 0) != pid || !WIFEXITED(code) || WEXITSTATUS(code) != (int)(n % 200)) {
            wrong("process %u: %d, status %#x\n", n, (int)pid, (unsigned)code);
        }
        add(&status->forks);
        usleep(20000);
    }
}

static void work_memory(void)
{
    uint64_t *words = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t seed = 1234567, kept = 0;

    for (;;) {
        for (unsigned i = 0; i < 20000; i++) {
            uint64_t *word = &words[random_next(&seed) % (MEMORY / 8)], value = random_next(&seed);

            kept ^= *word ^ value;
            *word = value;
        }
        uint64_t sum = 0;
        for (unsigned i = 0; i < MEMORY / 8; i++) {
            sum ^= words[i];
        }
        if (sum != kept) {
            wrong("memory sums up to %lx, wanted %lx\n", (unsigned long)sum, (unsigned long)kept);
            kept = sum;
        }
        add(&status->rounds);
        usleep(50000);
    }
}

/* The same sum again and again: in integer registers, x87's and SSE's, whenever it is interrupted. */
static void work_sums(void)
{
    double first_sum = 0;
    long double first_long = 0;
    uint64_t first_mix = 0;

    for (unsigned n = 0;; n++) {
        volatile double step = 1.0 / 3;
        double sum = 0;
        long double long_sum = 0;
        uint64_t mix = 42;

        for (unsigned i = 1; i < 100000; i++) {
            sum += step / i;
            long_sum += (long double)step / i;
            mix = (mix ^ i) * 0x100000001b3;
        }
        if (n == 0) {
            first_sum = sum;
            first_long = long_sum;
            first_mix = mix;
        } else if (memcmp(&sum, &first_sum, 8) != 0 || memcmp(&long_sum, &first_long, 10) != 0 || mix != first_mix) {
            wrong("sums are %a %La %lx\n", sum, long_sum, (unsigned long)mix);
        }
        add(&status->sums);
        usleep(30000);
    }
}

static void share_status(void)
{
    int fd = open("/tmp/busy.status", O_RDWR | O_CREAT, 0644);

    if (fd < 0 || ftruncate(fd, sizeof(*status)) < 0) {
        perror("status");
        exit(1);
    }
    status = mmap(NULL, sizeof(*status), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static int print_status(void)
{
    printf("errors %lu jump %lu reads %lu writes %lu forks %lu ticks %lu rounds %lu sums %lu plugged %lu\n",
           (unsigned long)status->errors, (unsigned long)status->jump_ms, (unsigned long)status->reads,
           (unsigned long)status->writes, (unsigned long)status->forks, (unsigned long)status->ticks,
           (unsigned long)status->rounds, (unsigned long)status->sums, (unsigned long)status->plugged);
    status->jump_ms = 0;
    return 0;
}

/* Starts one, a child of its own. */
#define START(work)         \
    do {                    \
        if (fork() == 0) {  \
            work;           \
            _exit(0);       \
        }                   \
    } while (0)

#define REQUESTS "/tmp/busy.requests"

/*
 * The workers' parent: starts those for more disks when it is asked to. None of them may become init's child, which is a
 * shell that takes the end of a child that it did not start for the end of its input.
 */
static void lead(const char *disk)
{
    char line[64];

    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (long cpu = sysconf(_SC_NPROCESSORS_ONLN); cpu-- > 0;) {
        START(work_clock((int)cpu));
    }
    START(work_disk(disk, 0));
    START(work_processes());
    START(work_memory());
    START(work_sums());
    FILE *requests = fopen(REQUESTS, "r+");
    while (requests && fgets(line, sizeof(line), requests)) {
        line[strcspn(line, "\n")] = 0;
        START(work_disk(line, 1));
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
}

static void ask_for(const char *disk)
{
    FILE *requests = fopen(REQUESTS, "w");

    if (!requests || fprintf(requests, "%s\n", disk) < 0 || fclose(requests) != 0) {
        perror(REQUESTS);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "", *disk = argc > 2 ? argv[2] : "";

    if (strcmp(what, "exit") == 0) {
        return atoi(disk);
    }
    if (strcmp(what, "tsc") == 0) {
        printf("tsc %llu\n", __builtin_ia32_rdtsc());
        return 0;
    }
    share_status();
    if (strcmp(what, "status") == 0) {
        return print_status();
    }
    if (strcmp(what, "fill") == 0) {
        fill_disk(disk);
    } else if (strcmp(what, "disk") == 0) {
        ask_for(disk);
    } else if (strcmp(what, "start") == 0) {
        mkfifo(REQUESTS, 0600);
        START(lead(disk));
    }
    return 0;
}
