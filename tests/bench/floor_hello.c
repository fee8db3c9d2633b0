/* The floor of floors: libfcgi, and nothing done. */
#include "floor.h"

static void setup(void)
{
}

static void serve(FCGX_Request *request)
{
    static const char body[] = "{\"success\":true,\"message\":\"hello\",\"data\":{}}";

    floor_answer(request, "200 OK", body, sizeof(body) - 1);
}

int main(int argc, char **argv)
{
    return floor_main(argc, argv, setup, serve);
}
