"""What was known of users, and from which moment on, as SQL: one query a table, or one a bucket of users.

`features.tables.feature_tables` fills in the words in braces and runs the queries; how rows are stamped stands there.
"""

from typing import Final

PROFILE: Final = """
    select user_id, age, birth_date, club_member_status, fashion_news_frequency, postal_code, fashion_news, active,
           {first} as event_timestamp, {first} as created_timestamp
    from users order by user_id
"""

# Money is summed as decimals: a sum of floats would depend on the order in which threads finish.
ACTIVITY: Final = """
    with daily as (
        select user_id, day + 1 as day, count(*) as purchases, sum(exact_price) as spend,
               min(purchased_at) as first_at, max(purchased_at) as last_at
        from dated_purchases where hash(user_id) % {buckets} = {bucket} group by all
    ), timeline as (
        select user_id, day, sum(purchases) as purchases, sum(spend) as spend, min(first_at) as first_at,
               max(last_at) as last_at
        from (
            select * from daily
            union all by name
            select user_id, day + leaves.days as day, 0 as purchases, 0 as spend
            from daily, (values ({week}), ({month})) as leaves(days)
        )
        where day <= {horizon} group by all
    )
    select user_id,
           sum(purchases) over last_week as purchases_7d,
           sum(purchases) over last_month as purchases_28d,
           sum(purchases) over ever as purchases_total,
           count(first_at) over ever as active_days_total,
           (sum(spend) over last_month)::float as spend_28d,
           (sum(spend) over ever / sum(purchases) over ever)::float as mean_price,
           min(first_at) over ever as first_purchase_at,
           max(last_at) over ever as last_purchase_at,
           {stamp} as event_timestamp, {stamp} as created_timestamp
    from timeline
    window ever as (partition by user_id order by day),
           last_week as (partition by user_id order by day range between {week} - 1 preceding and current row),
           last_month as (partition by user_id order by day range between {month} - 1 preceding and current row)
    order by event_timestamp, user_id
"""

# A purchase is the latest one of its item from the next morning until the morning after the item is bought again. Only
# mornings after a purchase have a row, so `mornings.day` is the morning after the user's own last purchase.
#
# What is collected and sorted for each morning, in all the square of a history, are numbers: each span has a place in
# the order of all, and `list_select` looks places up in one list for all rows. Lists of words take twice the time.
BOUGHT_ITEMS: Final = """
    with latest as (
        select user_id, item_id, day + 1 as day, max(purchased_at) as purchased_at, count(*) as purchases
        from dated_purchases where hash(user_id) % {buckets} = {bucket} group by all
    ), spans as materialized (
        select *, lead(day, 1, 2147483647) over of_item as until, (sum(purchases) over of_item)::integer as bought,
               (row_number() over (order by purchased_at, item_id desc, user_id))::integer as place
        from latest window of_item as (partition by user_id, item_id order by day)
    ), mornings as (
        select distinct user_id, day from latest
    ), histories as (
        select mornings.user_id, mornings.day, list_reverse_sort(list(place))[:{kept}] as places
        from mornings join spans
          on spans.user_id = mornings.user_id and spans.day <= mornings.day and mornings.day < spans.until
        group by mornings.user_id, mornings.day
    ), lists as (
        select list(item_id order by place) as items, list(bought order by place) as counts,
               list(day order by place) as days
        from spans
    )
    select user_id,
           list_select(items, places) as bought_items,
           list_select(counts, places) as bought_counts,
           [day - last for last in list_select(days, places)] as bought_days,
           {stamp} as event_timestamp, {stamp} as created_timestamp
    from histories, lists order by event_timestamp, user_id
"""
RECENT_ITEMS: Final = """
    select user_id,
           bought_items[:{kept}] as recent_items,
           bought_counts[:{kept}] as recent_counts,
           bought_days[:{kept}] as recent_days,
           event_timestamp, created_timestamp
    from read_parquet({path})
"""

# Windows end at the user's own last purchase, which is of the day before each morning that has a row: nothing leaves
# them while he buys nothing. As above, numbers stand for items; the place of an item's last purchase stands in the high
# digits of one number and both counts in the low ones, so that one sort puts all three in order.
LATELY_ITEMS: Final = """
    with latest as (
        select user_id, item_id, day + 1 as day, max(purchased_at) as purchased_at, count(*) as purchases
        from dated_purchases where hash(user_id) % {buckets} = {bucket} group by all
    ), daily as materialized (
        select *, row_number() over (order by purchased_at, item_id desc, user_id) as place from latest
    ), mornings as (
        select distinct user_id, day from daily
    ), windows as (
        select mornings.user_id, mornings.day, max(place) as place, sum(purchases) as in_quarter,
               coalesce(sum(purchases) filter (where daily.day > mornings.day - {month}), 0) as in_month
        from mornings join daily
          on daily.user_id = mornings.user_id and daily.day <= mornings.day and daily.day > mornings.day - {quarter}
        group by mornings.user_id, mornings.day, daily.item_id
    ), histories as (
        select user_id, day,
               list_reverse_sort(list((
                   place * 100000000 + least(in_month, 9999) * 10000 + least(in_quarter, 9999)
               )::bigint))[:{kept}] as found
        from windows group by user_id, day
    ), lists as (
        select list(item_id order by place) as items from daily
    )
    select user_id,
           list_select(items, [number // 100000000 for number in found]) as lately_items,
           [number // 10000 % 10000 for number in found] as lately_counts_28d,
           [number % 10000 for number in found] as lately_counts_91d,
           {stamp} as event_timestamp, {stamp} as created_timestamp
    from histories, lists order by event_timestamp, user_id
"""

# The running count of a word holds from the morning after a purchase until the morning after the next one of the word.
# The left join keeps the mornings of a user none of whose items has any word. As above, numbers stand for words: a
# taste is the count in the high digits, and in the low ones the word's place in the opposite of alphabetical order.
TASTES: Final = """
    with words as materialized (
        select word, row_number() over (order by word desc) as place
        from (
            select product_type_name as word from items
            union select garment_group_name from items
            union select department_name from items
        )
        where word is not null
    ), item_words as (
        unpivot (
            select item_id, product_type_name as product_type, garment_group_name as garment_group,
                   department_name as department
            from items
        ) on product_type, garment_group, department into name kind value word
    ), daily as (
        select user_id, day + 1 as day, kind, place, count(*) as purchases
        from dated_purchases join item_words using (item_id) join words using (word)
        where hash(user_id) % {buckets} = {bucket} group by all
    ), spans as (
        select user_id, day, kind, lead(day, 1, 2147483647) over of_word as until,
               (sum(purchases) over of_word)::bigint * 1000000000 + place as taste
        from daily window of_word as (partition by user_id, kind, place order by day)
    ), mornings as (
        select distinct user_id, day + 1 as day from dated_purchases where hash(user_id) % {buckets} = {bucket}
    ), tastes as (
        select mornings.user_id, mornings.day,
               coalesce(list(taste) filter (where kind = 'product_type'), []) as product_types,
               coalesce(list(taste) filter (where kind = 'garment_group'), []) as garment_groups,
               coalesce(list(taste) filter (where kind = 'department'), []) as departments
        from mornings left join spans
          on spans.user_id = mornings.user_id and spans.day <= mornings.day and mornings.day < spans.until
        group by mornings.user_id, mornings.day
    ), best as (
        select user_id, day,
               list_reverse_sort(product_types)[:{kept}] as product_types,
               list_reverse_sort(garment_groups)[:{kept}] as garment_groups,
               list_reverse_sort(departments)[:{kept}] as departments
        from tastes
    ), lists as (
        select coalesce(list(word order by place), []) as words from words
    )
    select user_id,
           list_select(words, [taste % 1000000000 for taste in product_types]) as product_types,
           [taste // 1000000000 for taste in product_types] as product_type_counts,
           list_select(words, [taste % 1000000000 for taste in garment_groups]) as garment_groups,
           [taste // 1000000000 for taste in garment_groups] as garment_group_counts,
           list_select(words, [taste % 1000000000 for taste in departments]) as departments,
           [taste // 1000000000 for taste in departments] as department_counts,
           {stamp} as event_timestamp, {stamp} as created_timestamp
    from best, lists order by event_timestamp, user_id
"""
