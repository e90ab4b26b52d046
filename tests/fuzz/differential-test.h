/* The tests of x86-differential: made of seed and index alone. */
#ifndef TESTS_FUZZ_DIFFERENTIAL_TEST_H
#define TESTS_FUZZ_DIFFERENTIAL_TEST_H

#include "differential-guest.h"
#include "target/i386/exec/exec.h"

enum { TEST_INSNS_MAX = 6 };

typedef struct Test {
    X86CodeSize size;
    unsigned count, length, offset;         /* instructions, bytes, where in the page of code */
    uint64_t code_base;                     /* of CS */
    X86Op ops[TEST_INSNS_MAX];
    uint8_t code[TEST_INSNS_MAX * 15];
    uint8_t data[DATA_SIZE];
    NativeState state;
} Test;

typedef struct TestWish {
    const char *name;                       /* only this instruction; NULL: all */
    int bits;                               /* 16, 32, 64; 0: all */
} TestWish;

void test_make(Test *t, uint64_t seed, uint64_t index, const TestWish *wish);
/* For the page that is not written. */
void test_random_page(uint8_t *page);
/* Whether the instruction runs whatever the segments are. */
bool test_is_flat(const Test *t);

#endif
