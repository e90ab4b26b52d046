/* A whole machine from a hostile peer. A good stream to start from: `unit/stream-mutations --write FILE`. */
#include "tests/lib/whole-machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!current_machine) {
        whole_machine_make("pc-q35-8.2");
    }
    g_free(whole_machine_load(data, size));
    return 0;
}
