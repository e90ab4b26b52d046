/* The sections of no device: guest time, and the run state that the source was in. */
#ifndef MIGRATION_STATE_H
#define MIGRATION_STATE_H

#include "system/runstate.h"

bool timer_state_register(GError **error);
bool global_state_register(GError **error);

/* Takes down the run state, for the section, before the save stops the machine. */
void global_state_store(void);
/* What came in; false: nothing did. */
bool global_state_received(RunState *state);
/* Forgets what came in, before another load. */
void global_state_forget(void);

#endif
