/* The options of objects that users make, by type: for object-add and -object. */
#ifndef MONITOR_QMP_OBJECT_H
#define MONITOR_QMP_OBJECT_H

#include "monitor/qmp.h"

extern const QmpType qmp_object_options;

#endif
