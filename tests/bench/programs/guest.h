/* What the programs stand on: system calls and a start, no library, so that one binary runs in any guest. */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#include <stdint.h>

enum { SYS_READ = 0, SYS_WRITE = 1, SYS_PIPE = 22, SYS_FORK = 57, SYS_WAIT4 = 61, SYS_GETPPID = 110, SYS_CLOCK_GETTIME = 228,
       SYS_EXIT_GROUP = 231 };

static inline long guest_call(long number, long a, long b, long c)
{
    long result = number;
    register long d __asm__("r10") = 0;

    __asm__ volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(d) : "rcx", "r11", "memory");
    return result;
}

/* Nanoseconds of the guest's monotonic clock. */
static inline int64_t guest_now(void)
{
    int64_t time[2];

    guest_call(SYS_CLOCK_GETTIME, 1, (long)time, 0);
    return time[0] * 1000000000 + time[1];
}

static inline void guest_put(const char *text)
{
    long length = 0;

    while (text[length]) {
        length++;
    }
    guest_call(SYS_WRITE, 1, (long)text, length);
}

static inline void guest_put_number(uint64_t number)
{
    char digits[24];
    int at = sizeof(digits) - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    guest_put(digits + at);
}

static inline uint64_t guest_number(const char *digits)
{
    uint64_t number = 0;

    while (*digits >= '0' && *digits <= '9') {
        number = number * 10 + (uint64_t)(*digits++ - '0');
    }
    return number;
}

static inline int guest_same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* The program: words are its arguments, ended by a null pointer. */
int guest_main(char **words);

__asm__(".globl _start\n_start: lea 8(%rsp), %rdi; and $-16, %rsp; call guest_main; mov %eax, %edi; mov $231, %eax; syscall");

#endif
