#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "meetpool/attr.h"
#include "meetpool/stream.h"

/* What IANA's registries of special-purpose addresses do not call globally reachable, in whole blocks. */
static const struct block4 {
    uint32_t first;
    unsigned bits;
} private4[] = {
    {0x00000000, 8},  /* this network */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* shared by a provider's customers */
    {0xa9fe0000, 16}, /* link-local; machines in a cloud find their secrets there */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0586300, 24}, /* 6to4 relays */
    {0xc0a80000, 16}, /* private */
    {0xc6120000, 15}, /* benchmarks */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 3},  /* multicast, reserved, broadcast */
};

static enum mp_address kind_of4(uint32_t ip)
{
    if (ip >> 24 == 127)
        return MP_ADDRESS_LOOPBACK;
    for (size_t i = 0; i < MP_COUNT(private4); i++)
        if ((ip ^ private4[i].first) >> (32 - private4[i].bits) == 0)
            return MP_ADDRESS_PRIVATE;
    return MP_ADDRESS_PUBLIC;
}

static uint32_t read32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Global unicast is 2000::/3, less what leads elsewhere through a tunnel; and IPv4 behind a translator. */
static enum mp_address kind_of6(const unsigned char ip[16])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const unsigned char translated[12] = {0x00, 0x64, 0xff, 0x9b};
    static const unsigned char loopback[16] = {[15] = 1};

    if (memcmp(ip, loopback, sizeof(loopback)) == 0)
        return MP_ADDRESS_LOOPBACK;
    if (memcmp(ip, mapped, sizeof(mapped)) == 0 || memcmp(ip, translated, sizeof(translated)) == 0)
        return kind_of4(read32(ip + 12));
    if (ip[0] == 0x20 && ip[1] == 0x02) /* 6to4 */
        return kind_of4(read32(ip + 2)) == MP_ADDRESS_PUBLIC ? MP_ADDRESS_PUBLIC : MP_ADDRESS_PRIVATE;
    if (read32(ip) == 0x20010000 || read32(ip) == 0x20010db8) /* Teredo, documentation */
        return MP_ADDRESS_PRIVATE;
    return ip[0] >> 5 == 1 ? MP_ADDRESS_PUBLIC : MP_ADDRESS_PRIVATE;
}

enum mp_address mp_address_of(const char *ip)
{
    struct in_addr four;
    struct in6_addr six;

    if (inet_pton(AF_INET, ip, &four) == 1)
        return kind_of4(ntohl(four.s_addr));
    if (inet_pton(AF_INET6, ip, &six) == 1)
        return kind_of6(six.s6_addr);
    return MP_ADDRESS_PRIVATE;
}
