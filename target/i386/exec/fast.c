#include "target/i386/exec/engine.h"

X86OpFn *x86_fast_handler(X86Exec *x, X86Op *op, uint32_t mode)
{
    return NULL;
}
