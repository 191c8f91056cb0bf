// if_nametoindex(3)
#pragma once

#define IF_NAMESIZE 16

extern "C" {
unsigned int if_nametoindex(const char*);
char* if_indextoname(unsigned int, char*);
}
