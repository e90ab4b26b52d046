/* What -global does to a new object; the list itself is made by global_add() and global_parse() of hw/core/device.h. */
#ifndef HW_CORE_GLOBALS_H
#define HW_CORE_GLOBALS_H

#include "qom/object.h"

/*
 * Sets what the -globals for the object's class and its parents say, in the order they were given. One that does not
 * fit ends it, with an error that names it; on a hot-plugged device it is only warned about.
 */
bool globals_apply(Object *obj, GError **error);

#endif
