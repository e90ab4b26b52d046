/* The release that this binary behaves as. Compiled once per release; all else is shared. */
#include "hw/core/release.h"

const Release release = { .major = RELEASE_MAJOR, .minor = RELEASE_MINOR, .micro = RELEASE_MICRO };
