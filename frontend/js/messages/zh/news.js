/* What became of an update; said in every view. */
export default {
  rolledBack: 'Studio 已于 {at} 从 {release} 回退。',
  failed: '更新未完成，当前版本继续运行。',
  image: '镜像包含版本 {version}，当前运行的是 {own}。',
  more: '在“系统”中查看详情',
};
