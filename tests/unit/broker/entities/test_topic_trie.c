/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of the trie: what topic_trie.h promises holds after every change. */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/topic_trie.h"

static size_t node_count(const struct topic_node *node) {
    size_t count = 1;

    if (node->many_words != NULL)
        count += node_count(node->many_words);
    LIST_FOR_EACH(&node->children, at)
    count += node_count(LIST_ITEM(at, struct topic_node, sibling_link));
    return count;
}

static void check_node(const struct topic_trie *trie, const struct topic_node *node) {
    size_t child_count = 0;

    LIST_FOR_EACH(&node->children, at) {
        struct topic_node *child = LIST_ITEM(at, struct topic_node, sibling_link);
        child_count++;
        assert_ptr_equal(child->edge.parent, node);
        assert_true(child->label_len > 0);
        assert_ptr_equal(topic_trie_find_child(trie, child->edge.parent, child->label[0]), child);
        check_node(trie, child);
    }
    assert_int_equal(child_count, node->child_count);
    if (node->many_words != NULL) {
        assert_ptr_equal(node->many_words->edge.parent, node);
        assert_int_equal(node->many_words->label_len, 0);
        check_node(trie, node->many_words);
    }
    if (node->edge.parent == NULL || !list_is_empty(&node->bindings) || node->many_words != NULL)
        return;
    assert_true(child_count >= (node->label_len == 0 ? 1 : 2));
}

/* A binding without anything but its place in the trie. */
struct key {
    struct slice text;
    struct topic_node *node; /* NULL: not in the trie */
    struct list link;
};

static void add(struct topic_trie *trie, struct key *key) {
    key->node = topic_trie_get_node(trie, key->text);
    list_append(&key->node->bindings, &key->link);
}

static void take_out(struct topic_trie *trie, struct key *key) {
    list_remove(&key->link);
    topic_trie_prune(trie, key->node);
    key->node = NULL;
}

static void words_are_split_at_dots(void **state) {
    struct word_iterator words = words_begin(SLICE("a..bc."));
    struct slice word;

    (void)state;
    assert_true(words_next(&words, &word));
    assert_slice(word, "a");
    assert_true(words_next(&words, &word));
    assert_slice(word, "");
    assert_true(words_next(&words, &word));
    assert_slice(word, "bc");
    assert_true(words_next(&words, &word));
    assert_slice(word, "");
    assert_false(words_next(&words, &word));
    words = words_begin(NO_TABLE);
    assert_false(words_next(&words, &word));
}

static void one_key_without_choice_is_one_edge(void **state) {
    struct topic_trie trie;
    struct key long_key = {.text = SLICE("a.b.c.*.e.f.g")};
    struct key prefix = {.text = SLICE("a.b.c")};

    (void)state;
    topic_trie_init(&trie, 1);
    add(&trie, &long_key);
    assert_int_equal(node_count(trie.root), 2);
    assert_int_equal(long_key.node->label_len, 7);
    add(&trie, &prefix);
    assert_int_equal(node_count(trie.root), 3);
    assert_int_equal(prefix.node->label_len, 3);
    assert_int_equal(long_key.node->label_len, 4);
    take_out(&trie, &prefix);
    assert_int_equal(node_count(trie.root), 2);
    assert_int_equal(long_key.node->label_len, 7);
    take_out(&trie, &long_key);
    assert_int_equal(node_count(trie.root), 1);
    assert_null(topic_trie_find_word(&trie, SLICE("a")));
    topic_trie_clear(&trie);
}

static void equal_keys_share_a_node(void **state) {
    struct topic_trie trie;
    struct key first = {.text = SLICE("a.#.b")};
    struct key second = {.text = SLICE("a.#.b")};

    (void)state;
    topic_trie_init(&trie, 1);
    add(&trie, &first);
    add(&trie, &second);
    assert_ptr_equal(first.node, second.node);
    take_out(&trie, &first);
    check_node(&trie, trie.root);
    take_out(&trie, &second);
    topic_trie_clear(&trie);
}

static void shape_holds_under_random_changes(void **state) {
    enum { COUNT = 200 };
    static const char *const words[] = {"a", "b", "*", "#", ""};
    static char texts[COUNT][32];
    struct random random = {17};
    struct topic_trie trie;
    struct key keys[COUNT] = {0};

    (void)state;
    topic_trie_init(&trie, 1);
    for (int i = 0; i < COUNT; i++) {
        size_t count = random_below(&random, 8);
        for (size_t w = 0; w < count; w++) {
            strcat(texts[i], w == 0 ? "" : ".");
            strcat(texts[i], words[random_below(&random, 5)]);
        }
        keys[i].text = slice_from_text(texts[i]);
    }
    for (int round = 0; round < 5000; round++) {
        struct key *key = &keys[random_below(&random, COUNT)];
        if (key->node == NULL)
            add(&trie, key);
        else
            take_out(&trie, key);
        check_node(&trie, trie.root);
    }
    for (int i = 0; i < COUNT; i++) {
        if (keys[i].node != NULL)
            take_out(&trie, &keys[i]);
    }
    topic_trie_clear(&trie);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_split_at_dots),
        cmocka_unit_test(one_key_without_choice_is_one_edge),
        cmocka_unit_test(equal_keys_share_a_node),
        cmocka_unit_test(shape_holds_under_random_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
