/* S3's answers come from outside: what is not the small part of XML that S3 writes must be refused, whatever it looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storage_int.h"

static struct mp_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = mp_arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mp_arena_free(arena);
    return 0;
}

/* In memory of its own length, so that reading past the end shows. */
static const struct mp_xml *parse(const char *text)
{
    size_t len = strlen(text);
    char *exact = malloc(len);
    const struct mp_xml *root;

    if (len > 0)
        memcpy(exact, text, len);
    root = mp_xml_parse(arena, (struct mp_slice){exact, len});
    free(exact);
    return root;
}

static void reads_what_s3_writes(void **state)
{
    const struct mp_xml *root = parse("  \n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- c -->\n"
                                      "<ListPartsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\" a='1'>\n <Key>a &amp; b&#x2F;&#252;</Key>\n"
                                      " <Empty/><Part><Number>1</Number></Part><x:Other/><Part ><Number>2</Number></Part >\n</ListPartsResult>\n");
    const struct mp_xml *part;

    (void)state;
    assert_non_null(root);
    assert_string_equal(root->name, "ListPartsResult");
    assert_string_equal(mp_xml_text(root, "Key"), "a & b/\xc3\xbc");
    assert_string_equal(mp_xml_text(root, "Empty"), "");
    assert_string_equal(mp_xml_text(root, "Missing"), "");
    assert_non_null(mp_xml_child(root, "Other"));
    part = mp_xml_child(root, "Part");
    assert_string_equal(mp_xml_text(part, "Number"), "1");
    part = mp_xml_next(part);
    assert_string_equal(mp_xml_text(part, "Number"), "2");
    assert_null(mp_xml_next(part));
    assert_null(mp_xml_child(NULL, "x"));
    assert_string_equal(mp_xml_text(NULL, "x"), "");
}

static void refuses_everything_else(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "x",
        "<a>",
        "<a",
        "<",
        "</a>",
        "<a></b>",
        "<a><b></a></b>",
        "<a/><b/>",
        "<a/>x",
        "<a>x<b/></a>",
        "<a><b/>x</a>",
        "<a>x",
        "<a>&nbsp;</a>",
        "<a>&lt</a>",
        "<a>&#0;</a>",
        "<a>&#x;</a>",
        "<a>&#;</a>",
        "<a>&#xd800;</a>",
        "<a>&#1114112;</a>",
        "<a>&#99999999999;</a>",
        "<a>&#xg;</a>",
        "<a>&#1a;</a>",
        "<a>\x01</a>",
        "<a b></a>",
        "<a b=c></a>",
        "<a b=\"c></a>",
        "<a b=\"<\"></a>",
        "<a b=\"c\"d=\"e\"></a>",
        "< a></a>",
        "<a></a",
        "<a><!-- </a>",
        "<?xml ",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>",
        "<a><![CDATA[x]]></a>",
        "<a><?php x ?></a>",
        "<html><body>Sign in<br></body></html>",
        "<1><2><3><4><5><6><7><8><9></9></8></7></6></5></4></3></2></1>",
    };

    (void)state;
    for (size_t i = 0; i < MP_COUNT(texts); i++)
        if (parse(texts[i]))
            fail_msg("taken: %s", texts[i]);
}

static void names_the_code_of_an_error(void **state)
{
    (void)state;
    assert_string_equal(mp_s3_error_code(arena, mp_slice_of("<Error><Code>SlowDown</Code><Message>x</Message></Error>")), "SlowDown");
    assert_string_equal(mp_s3_error_code(arena, mp_slice_of("<Result><Code>SlowDown</Code></Result>")), "");
    assert_string_equal(mp_s3_error_code(arena, mp_slice_of("<Error><Code>Slow Down\n</Code></Error>")), "");
    assert_string_equal(mp_s3_error_code(arena, mp_slice_of("<Error><Code></Code></Error>")), "");
    assert_string_equal(mp_s3_error_code(arena, mp_slice_of("not XML")), "");
}

static void keeps_etags_that_can_be_sent_back(void **state)
{
    (void)state;
    assert_string_equal(mp_s3_etag(arena, "\"0123abcd-2\""), "0123abcd-2");
    assert_string_equal(mp_s3_etag(arena, "0123abcd"), "0123abcd");
    assert_null(mp_s3_etag(arena, NULL));
    assert_null(mp_s3_etag(arena, ""));
    assert_null(mp_s3_etag(arena, "\"\""));
    assert_null(mp_s3_etag(arena, "a b"));
    assert_null(mp_s3_etag(arena, "</ETag><x>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_what_s3_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_everything_else, setup, teardown),
        cmocka_unit_test_setup_teardown(names_the_code_of_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_etags_that_can_be_sent_back, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
