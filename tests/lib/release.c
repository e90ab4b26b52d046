/* A test program that is any release: the environment's RELEASE says which, 8.2 if it is not there. */
#include <stdio.h>
#include <stdlib.h>

/* As `extern const Release release` of include/hw/core/release.h, but set at the start. */
struct {
    unsigned char major, minor, micro;
} release = { 8, 2, 0 };

__attribute__((constructor)) static void take_release(void)
{
    const char *text = getenv("RELEASE");

    if (text) {
        release.micro = 0;
        sscanf(text, "%hhu.%hhu.%hhu", &release.major, &release.minor, &release.micro);
    }
}
