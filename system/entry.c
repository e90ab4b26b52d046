/* The entry point, apart from the library so that tests can have their own. */
#include "system/main.h"

int main(int argc, char **argv)
{
    return godwit_main(argc, argv);
}
