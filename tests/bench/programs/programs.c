/*
 * The programs of the benchmark, one for each kind of work: `programs NAME [N]` does N rounds of it and prints the name,
 * a sum that only depends on N, and the nanoseconds that it took by the guest's clock.
 */
#include "guest.h"

enum { KEYS = 150000, BUCKETS = 1 << 16, NODES = 1 << 14, FLAGS = 8 << 20, COPY = 1 << 20, SIDE = 128 };

void *memset(void *to, int byte, unsigned long size)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
    return to;
}

static uint64_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return *state >> 33;
}

/* Registers only. */
static uint64_t integers(uint64_t rounds)
{
    uint64_t s = 88172645463325252ull, sum = 0;

    for (uint64_t i = 0; i < rounds * 50000000; i++) {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        sum += s * i;
        if (s & 0x10000) {
            sum ^= i;
        }
    }
    return sum;
}

/* Strides through 8 MiB. */
static uint64_t sieve(uint64_t rounds)
{
    static uint8_t composite[FLAGS];
    uint64_t primes = 0;

    for (uint64_t n = 0; n < rounds; n++) {
        for (unsigned long i = 0; i < FLAGS / 8; i++) {
            ((volatile uint64_t *)composite)[i] = 0;
        }
        primes = 0;
        for (unsigned long i = 2; i < FLAGS; i++) {
            if (!composite[i]) {
                primes++;
                for (unsigned long j = 2 * i; j < FLAGS; j += i) {
                    composite[j] = 1;
                }
            }
        }
    }
    return primes;
}

/* Pointers to somewhere else in a MiB. */
static uint64_t chase(uint64_t rounds)
{
    static struct Node {
        struct Node *next;
        uint64_t value, pad[6];
    } nodes[NODES];
    static unsigned order[NODES];
    uint64_t state = 12345, sum = 0;
    struct Node *node = nodes;

    for (unsigned i = 0; i < NODES; i++) {
        order[i] = i;
    }
    for (unsigned i = NODES - 1; i > 0; i--) {
        unsigned j = (unsigned)(random_next(&state) % (i + 1)), other = order[i];

        order[i] = order[j];
        order[j] = other;
    }
    for (unsigned i = 0; i < NODES; i++) {
        nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
        nodes[order[i]].value = i;
    }
    for (uint64_t i = 0; i < rounds * 20000000; i++) {
        sum += node->value;
        node = node->next;
    }
    return sum;
}

/* An interpreter's loop: an indirect branch every few instructions. */
static uint64_t interpreter(uint64_t rounds)
{
    uint8_t code[64];
    volatile int64_t stack[4] = { 1, 2, 3, 4 };
    uint64_t state = 1;

    for (uint64_t n = 0; n < rounds; n++) {
        for (unsigned i = 0; i < sizeof(code); i++) {
            code[i] = random_next(&state) % 7;
        }
        for (int64_t time = 0; time < 1500000; time++) {
            for (int at = 0; at < 16; at++) {
                switch (code[(at + time) & 63]) {
                case 0: stack[0] += stack[1]; break;
                case 1: stack[1] ^= stack[2] >> 3; break;
                case 2: stack[2] -= stack[0]; break;
                case 3: stack[3] = stack[3] & 1 ? stack[3] * 3 + 1 : stack[3] >> 1; break;
                case 4: stack[0] = stack[3] + time; break;
                case 5: stack[1] += stack[1] < stack[2]; break;
                default: stack[2] += 7; break;
                }
            }
        }
    }
    return (uint64_t)stack[0];
}

static int compare(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (uint8_t)*a - (uint8_t)*b;
}

static void sort(const char **from, const char **to)
{
    while (from < to) {
        const char *middle = from[(to - from) / 2], **low = from, **high = to;

        while (low <= high) {
            while (compare(*low, middle) < 0) {
                low++;
            }
            while (compare(*high, middle) > 0) {
                high--;
            }
            if (low <= high) {
                const char *other = *low;

                *low++ = *high;
                *high-- = other;
            }
        }
        if (high - from < to - low) {
            sort(from, high);
            from = low;
        } else {
            sort(low, to);
            to = high;
        }
    }
}

/* Strings, a hash table, sorting: calls and branches that are hard to foresee. */
static uint64_t strings(uint64_t rounds)
{
    static struct Entry {
        struct Entry *next;
        char key[24];
        uint64_t count;
    } entries[KEYS], *table[BUCKETS];
    static const char *keys[KEYS];
    uint64_t state = 1, sum = 0;

    for (uint64_t n = 0; n < rounds; n++) {
        unsigned used = 0;

        memset(table, 0, sizeof(table));
        for (unsigned i = 0; i < 4 * KEYS; i++) {
            unsigned number = (unsigned)random_next(&state) % KEYS, length = 0;
            uint32_t hash = 2166136261u;
            char key[24] = "key";

            for (length = 3; number; number /= 10) {
                key[length++] = (char)('0' + number % 10);
            }
            key[length] = '\0';
            for (const char *c = key; *c; c++) {
                hash = (hash ^ (uint8_t)*c) * 16777619u;
            }
            struct Entry *entry = table[hash % BUCKETS];
            while (entry && compare(entry->key, key)) {
                entry = entry->next;
            }
            if (!entry) {
                entry = &entries[used];
                keys[used++] = entry->key;
                for (unsigned c = 0; c <= length; c++) {
                    entry->key[c] = key[c];
                }
                entry->next = table[hash % BUCKETS];
                entry->count = 0;
                table[hash % BUCKETS] = entry;
            }
            entry->count++;
        }
        sort(keys, keys + used - 1);
        sum += used + (uint64_t)keys[used / 2][3];
    }
    return sum;
}

/* A product of matrices, and square roots and quotients. */
static uint64_t floats(uint64_t rounds)
{
    static double a[SIDE][SIDE], b[SIDE][SIDE], c[SIDE][SIDE];
    double sum = 0;

    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            a[i][j] = i + j * 0.5;
            b[i][j] = i - j * 0.25;
        }
    }
    for (uint64_t n = 0; n < rounds * 10; n++) {
        for (int i = 0; i < SIDE; i++) {
            for (int j = 0; j < SIDE; j++) {
                double dot = 0;

                for (int k = 0; k < SIDE; k++) {
                    dot += a[i][k] * b[k][j];
                }
                c[i][j] = dot;
            }
        }
        sum += c[n % SIDE][3];
        a[n % SIDE][5] += 0.1;
    }
    for (uint64_t n = 0; n < rounds * 1000000; n++) {
        sum += __builtin_sqrt((double)n) * 1.0000001 / ((double)n + 1.5);
    }
    return (uint64_t)(int64_t)sum;
}

/* Whole MiBs by REP MOVSB. */
static uint64_t copies(uint64_t rounds)
{
    static uint8_t from[COPY], to[COPY];

    for (uint64_t n = 0; n < rounds * 50; n++) {
        void *source = from, *target = to;
        unsigned long size = COPY;

        from[n % COPY] += (uint8_t)n;
        __asm__ volatile("rep movsb" : "+S"(source), "+D"(target), "+c"(size) : : "memory");
    }
    return to[1];
}

/* Into the kernel and back. */
static uint64_t calls(uint64_t rounds)
{
    uint64_t sum = 0;

    for (uint64_t n = 0; n < rounds * 500000; n++) {
        sum += guest_call(SYS_GETPPID, 0, 0, 0) > 0;
    }
    return sum;
}

static uint64_t pipes(uint64_t rounds)
{
    char bytes[64] = { 0 };
    uint64_t sum = 0;
    int ends[2];

    guest_call(SYS_PIPE, (long)ends, 0, 0);
    for (uint64_t n = 0; n < rounds * 100000; n++) {
        sum += (uint64_t)guest_call(SYS_WRITE, ends[1], (long)bytes, sizeof(bytes));
        sum += (uint64_t)guest_call(SYS_READ, ends[0], (long)bytes, sizeof(bytes));
    }
    return sum;
}

/* Address spaces. */
static uint64_t forks(uint64_t rounds)
{
    for (uint64_t n = 0; n < rounds * 300; n++) {
        if (guest_call(SYS_FORK, 0, 0, 0) == 0) {
            guest_call(SYS_EXIT_GROUP, 0, 0, 0);
        }
        guest_call(SYS_WAIT4, -1, 0, 0);
    }
    return rounds;
}

static const struct {
    const char *name;
    uint64_t (*run)(uint64_t rounds);
} programs[] = {
    { "int", integers }, { "sieve", sieve }, { "chase", chase }, { "vm", interpreter }, { "hash", strings }, { "fp", floats },
    { "copy", copies }, { "call", calls }, { "pipe", pipes }, { "fork", forks },
};

int guest_main(char **words)
{
    for (unsigned i = 0; words[1] && i < sizeof(programs) / sizeof(programs[0]); i++) {
        if (guest_same(words[1], programs[i].name)) {
            int64_t begin = guest_now();
            uint64_t sum = programs[i].run(words[2] ? guest_number(words[2]) : 1), time = (uint64_t)(guest_now() - begin);

            guest_put(words[1]);
            guest_put(" ");
            guest_put_number(sum);
            guest_put(" ");
            guest_put_number(time);
            guest_put("\n");
            return 0;
        }
    }
    return 1;
}
