/* Without libfdt there is no dumpdtb. */
#include "hw/i386/pc.h"
#include "util/error.h"

bool pc_dump_dtb(MachineState *m, const char *file, GError **error)
{
    return error_setf(error, "dumpdtb is not supported: this build has no libfdt");
}
