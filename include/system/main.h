/* The program: parses the command line, builds the machine, runs it. Returns the exit status. */
#ifndef SYSTEM_MAIN_H
#define SYSTEM_MAIN_H

int godwit_main(int argc, char **argv);

#endif
