#include "cli/cli.h"

int main(int argc, char** argv) { return lander::cli::main(argc, argv); }
