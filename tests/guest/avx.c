// A guest's program: keeps its own numbers in all vector registers, its own rounding mode and its own x87 control word, and
// compares them again and again with the same sums made by integer code, while others of its kind do so on the same CPUs.
//
//     avx SEED SECONDS      prints "avx SEED: N rounds" and ends with 0, or says what differs
#include <fenv.h>
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LANES = 8, REGISTERS = 8, STEPS = 2000 };

static uint32_t mix(uint32_t x) {
    x ^= x << 13;
    x ^= x >> 17;
    return x ^ x << 5;
}

// Eight registers of integers and four of doubles stay live through the whole loop.
__attribute__((noinline)) static void with_vectors(uint32_t n[REGISTERS][LANES], double d[4][4]) {
    __m256i v[REGISTERS];
    __m256d f[4];
    for (int i = 0; i < REGISTERS; i++) {
        v[i] = _mm256_loadu_si256((const __m256i *)n[i]);
    }
    for (int i = 0; i < 4; i++) {
        f[i] = _mm256_loadu_pd(d[i]);
    }
    const __m256i turn = _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 0);
    const __m256d factor = _mm256_set1_pd(0.75), addend = _mm256_set1_pd(1.0 / 3);
    for (int step = 0; step < STEPS; step++) {
#pragma GCC unroll 8
        for (int i = 0; i < REGISTERS; i++) {
            v[i] = _mm256_xor_si256(v[i], _mm256_slli_epi32(v[i], 13));
            v[i] = _mm256_xor_si256(v[i], _mm256_srli_epi32(v[i], 17));
            v[i] = _mm256_xor_si256(v[i], _mm256_slli_epi32(v[i], 5));
            v[i] = _mm256_permutevar8x32_epi32(_mm256_add_epi32(v[i], v[(i + 1) % REGISTERS]), turn);
        }
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            f[i] = _mm256_fmadd_pd(f[i], factor, addend);
        }
    }
    for (int i = 0; i < REGISTERS; i++) {
        _mm256_storeu_si256((__m256i *)n[i], v[i]);
    }
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_pd(d[i], f[i]);
    }
}

__attribute__((noinline, optimize("no-tree-vectorize"))) static void with_integers(uint32_t n[REGISTERS][LANES]) {
    for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < REGISTERS; i++) {
            uint32_t sum[LANES];
            for (int lane = 0; lane < LANES; lane++) {
                sum[lane] = mix(n[i][lane]) + n[(i + 1) % REGISTERS][lane];
            }
            for (int lane = 0; lane < LANES; lane++) {
                n[i][lane] = sum[(lane + 1) % LANES];
            }
        }
    }
}

int main(int argc, char **argv) {
    static const int modes[] = { FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO };
    uint32_t seed = argc > 1 ? atoi(argv[1]) : 1, state = seed * 2654435761u | 1;
    time_t end = time(NULL) + (argc > 2 ? atoi(argv[2]) : 1);
    int mode = modes[seed % 4];
    fesetround(mode);       // sets MXCSR and the x87 control word
    uint32_t n[REGISTERS][LANES], m[REGISTERS][LANES];
    double first[4][4], d[4][4];
    volatile double third = 1.0;
    for (int i = 0; i < 16; i++) {
        first[i / 4][i % 4] = seed * 16 + i + third / 3;
    }
    double once[4][4];
    unsigned long rounds = 0;
    do {
        for (int i = 0; i < REGISTERS * LANES; i++) {
            n[i / LANES][i % LANES] = m[i / LANES][i % LANES] = state = mix(state);
        }
        memcpy(d, first, sizeof(d));
        with_vectors(n, d);
        with_integers(m);
        if (memcmp(n, m, sizeof(n))) {
            printf("avx %u: round %lu: integers differ\n", seed, rounds);
            return 1;
        }
        if (!rounds) {
            for (int i = 0; i < 16; i++) {
                double x = first[i / 4][i % 4];
                for (int step = 0; step < STEPS; step++) {
                    x = fma(x, 0.75, 1.0 / 3);
                }
                once[i / 4][i % 4] = x;
            }
        }
        if (memcmp(d, once, sizeof(d))) {
            printf("avx %u: round %lu: doubles differ\n", seed, rounds);
            return 1;
        }
        unsigned short control;
        __asm__ volatile("fnstcw %0" : "=m"(control));
        if (fegetround() != mode || (int)(_mm_getcsr() >> 3 & 0xc00) != mode || (control & 0xc00) != mode) {
            printf("avx %u: round %lu: rounds another way\n", seed, rounds);
            return 1;
        }
        rounds++;
    } while (time(NULL) < end);
    printf("avx %u: %lu rounds\n", seed, rounds);
    return 0;
}
