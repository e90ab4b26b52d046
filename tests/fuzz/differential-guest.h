/*
 * The engine's side of x86-differential: a CPU at privilege 3 that sees the same few pages at the same addresses, and the
 * same segments, as this process, with a kernel whose handlers do nothing but halt.
 */
#ifndef TESTS_FUZZ_DIFFERENTIAL_GUEST_H
#define TESTS_FUZZ_DIFFERENTIAL_GUEST_H

#include "native-run.h"
#include "target/i386/exec/insn.h"

/*
 * Linear addresses; around them nothing is mapped. The first page of data is read-only. All of data is seen a second time
 * about as far above the code as 32-bit displacements reach.
 */
enum { CODE = 0x10000000, DATA = 0x20000000, PAGE = 4096, DATA_PAGES = 3, DATA_SIZE = PAGE * DATA_PAGES };
#define DATA_AGAIN 0x8ffff000u

void guest_init(const char *model);
void guest_run(NativeState *state);
bool guest_has(const X86Op *op);
/* The guest's pages; what is written to code must be said. */
uint8_t *guest_code(void);
uint8_t *guest_data(void);
void guest_code_changed(unsigned offset, unsigned length);

#endif
