#include "system/main.h"

int godwit_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 0;
}
