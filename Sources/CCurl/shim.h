// What Swift cannot import from libcurl: variadic functions, one inline wrapper for each argument type.
#ifndef CCURL_SHIM_H
#define CCURL_SHIM_H

#include <curl/curl.h>

#endif
