/* Until the section registry is there: devices have no sections. */
#include "migration/register.h"

__attribute__((weak)) bool vmstate_register(const char *path, int instance_id, const VMStateDescription *desc,
                                            void *opaque, GError **error)
{
    return true;
}

__attribute__((weak)) void vmstate_unregister(const VMStateDescription *desc, void *opaque)
{
}
